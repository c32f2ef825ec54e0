package command_test

import (
	"cmp"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/shape"
)

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := command.New(command.Deps{}); err == nil || !strings.Contains(err.Error(), "Chat is missing") {
		t.Errorf("got %v", err)
	}
}

func TestDescribe(t *testing.T) {
	for _, name := range command.Names() {
		of, found := command.Describe(name)
		if !found || of.Payload.Kind() != reflect.Struct || of.Answer.Kind() != reflect.Struct {
			t.Fatalf("%s: %v takes %v, answers %v; want two structs", name, found, of.Payload, of.Answer)
		}
		for _, f := range shape.Fields(of.Payload) {
			needs := []shape.Need{shape.Required, shape.Optional, shape.One, shape.Either, shape.Any}
			if _, err := strconv.Atoi(cmp.Or(f.Min, f.Max, "0")); err != nil || !slices.Contains(needs, f.Need) {
				t.Errorf("%s: %s says need %q, min %q, max %q", name, f.Name, f.Need, f.Min, f.Max)
			}
		}
		empty, err := json.Marshal(reflect.Zero(of.Answer).Interface())
		if err != nil || !strings.HasPrefix(string(empty), `{"ok":false`) {
			t.Errorf("%s is acknowledged by %s (%v), which does not begin with ok", name, empty, err)
		}
	}
	if _, found := command.Describe("room:explode"); found {
		t.Error("a command that is none is described")
	}
}

// TestCodes holds Codes to the constants of the packages that refuse: a code that is missing has no status over HTTP, no line in
// the document and no name in the metrics.
func TestCodes(t *testing.T) {
	codes := command.Codes()
	for _, file := range []string{"../refusal/refusal.go", "../chat/errors.go", "../account/errors.go", "refusal.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`(?m)^\t\w+ +(?:(?:refusal\.)?Code +)?= "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1)
		if len(found) < 4 {
			t.Errorf("%s: found %d codes", file, len(found))
		}
		for _, constant := range found {
			if !slices.Contains(codes, constant[1]) {
				t.Errorf("%s: Codes lacks %s", file, constant[1])
			}
		}
	}
}

// TestDefaults holds the defaults that payloads name to those of the rules.
func TestDefaults(t *testing.T) {
	rules := map[string]int{
		"room:list.limit": chat.DefaultListed, "room:members.limit": chat.DefaultListed, "room:bans.limit": chat.DefaultListed,
		"conversation:list.limit": chat.DefaultListed, "history.limit": chat.DefaultListed, "thread.limit": chat.DefaultListed,
		"message:search.limit": chat.DefaultFound, "room:search.limit": chat.DefaultFound, "user:search.limit": account.DefaultUserFound,
		"friend:list.limit": account.MaxContacts, "room:create.maxMembers": chat.DefaultMaxMembers,
	}
	for _, name := range command.Names() {
		of, _ := command.Describe(name)
		for _, f := range shape.Fields(of.Payload) {
			said, err := strconv.Atoi(f.Default)
			if err != nil {
				continue // none, or a word
			}
			if rule := rules[name+"."+f.Name]; rule != said {
				t.Errorf("%s: %s is said to be %d when it is left out, and is %d", name, f.Name, said, rule)
			}
			delete(rules, name+"."+f.Name)
		}
	}
	for field := range rules {
		t.Errorf("%s does not say what it is when it is left out", field)
	}
}
