package refusal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

var errFull = &refusal.Error{Code: "room_full", Message: "Room is full", RetryAfter: time.Second}

func TestPublic(t *testing.T) {
	wrapped := fmt.Errorf("append message: %w", errFull)
	if got := refusal.Public(wrapped, "Failed to send message"); got != errFull {
		t.Errorf("a refusal became %v", got)
	}
	got := refusal.Public(fmt.Errorf("disk: %w", context.DeadlineExceeded), "Failed to send message")
	if got.Code != refusal.Internal || got.Message != "Failed to send message" || got.Field != "" || got.Limit != 0 {
		t.Errorf("a fault became %+v", got)
	}
	if !errors.Is(got, context.DeadlineExceeded) {
		t.Error("the fault is lost for the log")
	}
	if got := refusal.Public(nil, "Failed"); got != nil {
		t.Errorf("no error became %v", got)
	}
	if got := refusal.Of(context.Canceled); got != nil {
		t.Errorf("a fault is the refusal %v", got)
	}
}

func TestIn(t *testing.T) {
	named := errFull.In("roomId")
	if named.Field != "roomId" || named.RetryAfter != time.Second || !errors.Is(named, errFull) {
		t.Errorf("made %+v", named)
	}
	if errFull.Field != "" {
		t.Error("the refusal itself has a field now")
	}
	if errors.Is(named, refusal.Missing("roomId")) {
		t.Error("refusals of different codes are the same")
	}
}

func TestWords(t *testing.T) {
	for want, e := range map[string]*refusal.Error{
		"missing_fields: Missing required fields (field name)":                 refusal.Missing("name"),
		"missing_fields: Missing required fields":                              refusal.Missing(""),
		"invalid_field: name must be a string (field name)":                    refusal.Invalid("name", "must be a string"),
		"limit_exceeded: name must have at most 5 bytes (field name)":          refusal.TooMuch("name", 5, "bytes"),
		"limit_exceeded: limit must be from 1 to 5 (field limit)":              refusal.Beyond("limit", 5, "must be from 1 to 5"),
		"internal: Failed to send message: context canceled":                   refusal.Public(context.Canceled, "Failed to send message"),
		"limit_exceeded: topics must have at most 5 ids (field topics[\"a\"])": refusal.TooMuch("topics", 5, "ids").In(`topics["a"]`),
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if (e.Limit == 5) != (e.Code == refusal.LimitExceeded) {
			t.Errorf("%v has limit %d", e, e.Limit)
		}
	}
}
