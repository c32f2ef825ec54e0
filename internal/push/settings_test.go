package push_test

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/push"
)

// TestTold: who is told, by what is said and by the user's settings.
func TestTold(t *testing.T) {
	now := time.Date(2026, 7, 1, 20, 30, 0, 0, time.UTC) // 22:30 in Berlin, 16:30 in New York, 05:30 in Tokyo
	later, earlier := now.Add(time.Minute), now.Add(-time.Minute)
	quiet := func(from, to int, zone string) push.Settings {
		return push.Settings{Quiet: push.Quiet{From: from, To: to, Zone: zone}}
	}
	level := func(l push.Level) push.Settings { return push.Settings{Level: l} }
	none := push.Settings{}
	for _, test := range []struct {
		name              string
		own, conversation push.Settings
		// what is told of a direct message; of a mention in a room, of another message there
		direct, mention, other bool
	}{
		{"no settings", none, none, true, true, false},
		{"all", level(push.Anything), none, true, true, false},
		{"mentions", level(push.Mentions), none, false, true, false},
		{"nothing", level(push.Nothing), none, false, false, false},
		{"all of this one", none, level(push.Anything), true, true, true},
		{"mentions of this one", none, level(push.Mentions), false, true, false},
		{"nothing of this one", none, level(push.Nothing), false, false, false},
		{"nothing but all of this one", level(push.Nothing), level(push.Anything), true, true, true},
		{"all but nothing of this one", level(push.Anything), level(push.Nothing), false, false, false},
		{"muted", push.Settings{MutedUntil: later}, level(push.Anything), false, false, false},
		{"this one is muted", none, push.Settings{MutedUntil: later, Level: push.Anything}, false, false, false},
		{"was muted", push.Settings{MutedUntil: earlier}, push.Settings{MutedUntil: now}, true, true, false},
		{"over midnight in Berlin", quiet(22*60, 7*60, "Europe/Berlin"), level(push.Anything), false, false, false},
		{"from then on in Berlin", quiet(22*60+30, 7*60, "Europe/Berlin"), none, false, false, false},
		{"until then in Berlin", quiet(12*60, 22*60+30, "Europe/Berlin"), none, true, true, false},
		{"over midnight in New York", quiet(22*60, 7*60, "America/New_York"), none, true, true, false},
		{"over midnight in Tokyo", quiet(22*60, 7*60, "Asia/Tokyo"), none, false, false, false},
		{"by day in New York", quiet(9*60, 17*60, "America/New_York"), none, false, false, false},
		{"a zone that is no more", quiet(0, 1439, "Gone/City"), none, true, true, false},
	} {
		for _, what := range []struct {
			name               string
			direct, particular bool
			want               bool
		}{{"direct message", true, false, test.direct}, {"mention", false, true, test.mention}, {"other message", false, false, test.other}} {
			if got := push.IsTold(test.own, test.conversation, what.direct, what.particular, now); got != what.want {
				t.Errorf("%s: a %s is told: %t", test.name, what.name, got)
			}
		}
	}
}
