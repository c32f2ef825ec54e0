package account_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
)

func TestMayHear(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		topic    string
		want     bool
	}{
		{nil, "news", true},
		{[]string{}, "news", false},
		{[]string{"news"}, "news", true},
		{[]string{"news"}, "newsroom", false},
		{[]string{"prices", "news"}, "news", true},
		{[]string{"*"}, "news", true},
		{[]string{"news*"}, "news", true},
		{[]string{"*room"}, "newsroom", true},
		{[]string{"a*a"}, "a", false}, // the ends do not overlap
		{[]string{"orders.*.ada"}, "orders.7.ada", true},
		{[]string{"orders.*.ada"}, "orders.7.bob", false},
		{[]string{"a*b*c"}, "a-b-b-c", true},
		{[]string{"a*b*c"}, "a-c-b", false},
		{[]string{"a*bc*c"}, "abc", false},
		{[]string{"a**b"}, "ab", true},
		{[]string{"?"}, "x", false},
	} {
		identity := account.Identity{Topics: c.patterns}
		if got := identity.MayHear(c.topic); got != c.want {
			t.Errorf("%q may hear %s: %v, want %v", c.patterns, c.topic, got, c.want)
		}
	}
}

func TestHeardBy(t *testing.T) {
	for _, c := range []struct {
		old, young []string
		want       bool
	}{
		{nil, nil, true},
		{nil, []string{"*"}, false}, // it permits all, which is not looked for
		{[]string{}, []string{}, true},
		{[]string{"news"}, nil, true},
		{[]string{"news"}, []string{}, false},
		{[]string{"news", "orders.*.ada"}, []string{"orders.*", "news"}, true},
		{[]string{"news", "orders.*.ada"}, []string{"news"}, false},
		{[]string{"orders.*.ada"}, []string{"orders.7.ada"}, false},
		{[]string{"orders.*"}, []string{"orders.*.ada"}, false},
	} {
		old, young := account.Identity{Topics: c.old}, account.Identity{Topics: c.young}
		if got := old.HeardBy(&young); got != c.want {
			t.Errorf("%q heard by %q: %v, want %v", c.old, c.young, got, c.want)
		}
	}
}
