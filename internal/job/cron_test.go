package job_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestCronNext(t *testing.T) {
	for _, test := range []struct{ line, after, want string }{
		{"* * * * *", "2026-11-30T17:00:00Z", "2026-11-30T17:01:00Z"},
		{"* * * * *", "2026-11-30T17:00:59Z", "2026-11-30T17:01:00Z"},
		{"@hourly", "2026-11-30T17:00:00Z", "2026-11-30T18:00:00Z"},
		{"@daily", "2026-11-30T17:00:00Z", "2026-12-01T00:00:00Z"},
		{"@midnight", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
		{"@weekly", "2026-11-30T17:00:00Z", "2026-12-06T00:00:00Z"},
		{"@monthly", "2026-11-30T17:00:00Z", "2026-12-01T00:00:00Z"},
		{"@yearly", "2026-11-30T17:00:00Z", "2027-01-01T00:00:00Z"},
		{"*/15 * * * *", "2026-11-30T17:16:00Z", "2026-11-30T17:30:00Z"},
		{"5/20 * * * *", "2026-11-30T17:26:00Z", "2026-11-30T17:45:00Z"},
		{"0,30 8-18/2 * * *", "2026-11-30T18:30:00Z", "2026-12-01T08:00:00Z"},
		{"0 9 * * mon-fri", "2026-11-28T00:00:00Z", "2026-11-30T09:00:00Z"},
		{"0 9 * * 7", "2026-11-30T00:00:00Z", "2026-12-06T09:00:00Z"},
		{"0 9 * * SUN", "2026-11-30T00:00:00Z", "2026-12-06T09:00:00Z"},
		{"0 0 13 * fri", "2026-11-30T00:00:00Z", "2026-12-04T00:00:00Z"},  // one of the days is enough
		{"0 0 */2 * fri", "2026-11-30T00:00:00Z", "2026-12-11T00:00:00Z"}, // both, as one begins with *
		{"0 0 29 2 *", "2026-11-30T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"0 0 31 jan,apr *", "2026-02-01T00:00:00Z", "2027-01-31T00:00:00Z"},
		{"30 2 * * *", "2026-03-29T04:00:00+02:00", "2026-03-29T02:30:00Z"}, // in UTC, which skips no hour
	} {
		c, err := job.ParseCron(test.line)
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if got := c.Next(at(t, test.after)); !got.Equal(at(t, test.want)) {
			t.Errorf("%s after %s is %s, want %s", test.line, test.after, got.Format(time.RFC3339), test.want)
		}
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// TestCronRefuses: what is wrong is said with the field that it is in.
func TestCronRefuses(t *testing.T) {
	for line, says := range map[string]string{
		"":                        "5 fields",
		"* * * *":                 "5 fields",
		"* * * * * *":             "5 fields",
		"@never":                  "@hourly",
		"@every 5m":               "@hourly",
		"60 * * * *":              "minute: \"60\" is not within 0 to 59",
		"-1 * * * *":              "minute",
		"+1 * * * *":              "minute",
		"1,,2 * * * *":            "minute",
		"*/0 * * * *":             "minute: the step",
		"*/ * * * *":              "minute: the step",
		"*/61 * * * *":            "minute: the step",
		"* 24 * * *":              "hour",
		"* 8-6 * * *":             "hour: \"8-6\" ends before it begins",
		"* * 0 * *":               "day of month",
		"* * 32 * *":              "day of month",
		"* * * 13 *":              "month",
		"* * * foo *":             "month",
		"* * * * 8":               "day of week",
		"* * * * mon-":            "day of week",
		"0 0 30 2 *":              "day of month: none",
		"0 0 31 4,6 *":            "day of month: none",
		"TZ=UTC 0 0 * * *":        "5 fields",
		strings.Repeat("1,", 101): "200 bytes",
	} {
		_, err := job.ParseCron(line)
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Field != "cron" || !strings.Contains(refused.Message, says) {
			t.Errorf("%q: %v does not say %q of cron", line, err, says)
		}
	}
}

// FuzzCron: what is taken is due sometime, on a minute that the line has, and nowhere before.
func FuzzCron(f *testing.F) {
	for _, line := range []string{"* * * * *", "@daily", "*/15 8-18/2 1,15 jan-mar mon", "0 0 29 2 *", "59 23 31 12 7", "0 0 29 2 */6", "1-5/2 * */31 * 0"} {
		f.Add(line, int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, line string, unix int64) {
		c, err := job.ParseCron(line)
		if err != nil {
			if of := refusal.Of(err); of == nil || of.Field != "cron" {
				t.Errorf("%q: %v", line, err)
			}
			return
		}
		after := time.Unix(unix%(1<<36), 0)
		next := c.Next(after)
		if !next.After(after) || next.Second() != 0 || next.Nanosecond() != 0 || next.Sub(after) > 41*366*24*time.Hour {
			t.Fatalf("%q after %v is %v", line, after, next)
		}
		if again := c.Next(next.Add(-time.Second)); !again.Equal(next) {
			t.Errorf("%q is due at %v, and a second before it the next time is %v", line, next, again)
		}
		if between := after.Add(next.Sub(after) / 2); between.After(after) && !c.Next(between).Equal(next) {
			t.Errorf("%q: between %v and %v there is %v", line, after, next, c.Next(between))
		}
	})
}
