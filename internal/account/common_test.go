package account_test

import (
	"bufio"
	"os"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Every password of the list is found, and what stands beside one is not.
func TestCommonPasswords(t *testing.T) {
	file, err := os.Open("common.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var list []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		list = append(list, lines.Text())
	}
	if len(list) < 10_000 || !slices.IsSorted(list) {
		t.Fatalf("%d, sorted: %t", len(list), slices.IsSorted(list))
	}
	for _, password := range list {
		if len(password) < account.MinPasswordBytes || account.Fold(password) != password {
			t.Errorf("%q can never be met", password)
		}
		if !account.IsCommon(password) {
			t.Errorf("%q is not found", password)
		}
		for _, other := range []string{password + "\x01", password[:len(password)-1] + "\x01", "\x01" + password} {
			if account.IsCommon(other) {
				t.Errorf("%q is found", other)
			}
		}
	}
}
