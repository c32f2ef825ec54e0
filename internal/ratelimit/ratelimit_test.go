package ratelimit_test

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

func TestLeft(t *testing.T) {
	now := time.Now()
	buckets := ratelimit.New[string](ratelimit.Rate{Events: 60, Per: time.Minute}, func() time.Time { return now })
	want := func(left int, full time.Duration) {
		t.Helper()
		gotLeft, gotFull := buckets.Left("a")
		if gotLeft != left || gotFull.Round(time.Millisecond) != full {
			t.Errorf("%d left, full in %s; want %d and %s", gotLeft, gotFull, left, full)
		}
	}
	want(60, 0)
	for range 60 {
		if wait := buckets.Take("a"); wait != 0 {
			t.Fatalf("waits %s", wait)
		}
	}
	want(0, time.Minute)
	if wait := buckets.Take("a"); wait.Round(time.Millisecond) != time.Second {
		t.Errorf("waits %s", wait)
	}
	now = now.Add(90 * time.Second / 60)
	want(1, 58500*time.Millisecond)
	if left, full := buckets.Left("b"); left != 60 || full != 0 {
		t.Errorf("another has %d, full in %s", left, full)
	}
}
