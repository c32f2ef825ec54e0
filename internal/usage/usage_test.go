package usage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/usage"
)

func TestUnits(t *testing.T) {
	for _, test := range []struct{ at, day, week, month string }{
		{"2024-02-29T23:59:59Z", "2024-02-29", "2024-02-26", "2024-02-01"},
		{"2024-03-01T00:00:00Z", "2024-03-01", "2024-02-26", "2024-03-01"},
		{"2024-03-04T00:00:00Z", "2024-03-04", "2024-03-04", "2024-03-01"},
		{"2023-01-01T12:00:00Z", "2023-01-01", "2022-12-26", "2023-01-01"}, // a Sunday
		{"2024-03-01T01:00:00+02:00", "2024-02-29", "2024-02-26", "2024-02-01"},
		{"1970-01-01T00:00:00Z", "1970-01-01", "1969-12-29", "1970-01-01"},
	} {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		p := usage.PeriodOf(at)
		for u, want := range map[usage.Unit]string{usage.Day: test.day, usage.Week: test.week, usage.Month: test.month} {
			start := p.Start(u)
			if got := start.Format(time.DateOnly); got != want || start.Location() != time.UTC {
				t.Errorf("the %s of %s begins on %s, want %s", u, test.at, got, want)
			}
			if next := u.Add(start, 1); !u.Start(next).Equal(next) || !u.Start(next.Add(-time.Second)).Equal(start) || !u.Add(next, -1).Equal(start) {
				t.Errorf("behind the %s of %s comes %s", u, start, next)
			}
			if !usage.DayOf(usage.DayNumber(start)).Equal(start) {
				t.Errorf("%s is day %d, and that is %s", start, usage.DayNumber(start), usage.DayOf(usage.DayNumber(start)))
			}
		}
	}
}

// TestHistoryRefuses: what is wrong is named before anything is asked.
func TestHistoryRefuses(t *testing.T) {
	c, err := usage.New(usage.Deps{Store: struct{ usage.Store }{}, Now: time.Now, Online: func() []string { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		by           usage.Unit
		limit        int
		field        string
		code         refusal.Code
		limitInWords int
	}{
		{"", 0, "by", refusal.InvalidField, 0}, {"year", 0, "by", refusal.InvalidField, 0}, {usage.Day, -1, "limit", refusal.InvalidField, 0},
		{usage.Day, 401, "limit", refusal.LimitExceeded, 400}, {usage.Week, 261, "limit", refusal.LimitExceeded, 260},
		{usage.Month, 121, "limit", refusal.LimitExceeded, 120},
	} {
		_, err := c.History(t.Context(), test.by, test.limit)
		var refused *refusal.Error
		if !errors.As(err, &refused) || refused.Field != test.field || refused.Code != test.code || refused.Limit != test.limitInWords {
			t.Errorf("%d by %q: %v", test.limit, test.by, err)
		}
	}
}

func TestNewNeedsAll(t *testing.T) {
	if _, err := usage.New(usage.Deps{}); err == nil {
		t.Error("works with nothing")
	}
}
