package gateway_test

import (
	"testing"
	"time"
)

// scheduled is a scheduled message as it travels.
type scheduled struct {
	ID, RoomID, RecipientID, Content, SendAt, State string
	Failure                                         *struct{ Code, Message string }
}

// scheduledChange is scheduled:changed.
type scheduledChange struct {
	ScheduledID, RoomID, RecipientID, State, SendAt, MessageID string
}

// schedule schedules a message, which must be accepted.
func (d *device) schedule(payload any) scheduled {
	d.t.Helper()
	var answer struct {
		OK        bool
		Scheduled scheduled
	}
	if d.askInto("message:schedule", payload, &answer); !answer.OK {
		d.t.Fatalf("%v is refused", payload)
	}
	return answer.Scheduled
}

func (d *device) rescheduled() (c scheduledChange) {
	d.t.Helper()
	d.event("scheduled:changed", &c)
	return c
}

// TestScheduledMessages: one's devices know what waits, the others of the conversation know of it when it is sent.
func TestScheduledMessages(t *testing.T) {
	// What is said is said a day ago, so that what is to be sent half a day ago is scheduled, and due.
	const day = 24 * time.Hour
	n := serve(t, func(s *setup) { s.Said = func() time.Time { return time.Now().Add(-day) } })
	ada, adas, bob := n.device("ada"), n.device("ada"), n.device("bob")
	in := func(d time.Duration) string { return time.Now().Add(d - day).Format(time.RFC3339Nano) }
	payload := func(sendAt string) map[string]string {
		return map[string]string{"recipientId": "bob", "content": "later", "sendAt": sendAt}
	}
	for _, test := range []struct {
		payload       any
		code, message string
	}{
		{payload(in(-time.Minute)), "invalid_field", "sendAt must be in the future"},
		{payload(in(367 * day)), "limit_exceeded", "sendAt must be at most 366 days from now"},
		{payload("tomorrow"), "invalid_field", "sendAt must be a time as of RFC 3339, such as 2026-12-24T18:00:00Z"},
		{payload("2026-02-30T00:00:00Z"), "invalid_field", "sendAt must be a time as of RFC 3339, such as 2026-12-24T18:00:00Z"},
		{payload(""), "missing_fields", "Missing required fields"},
		{`{"recipientId":"bob","content":"x","sendAt":1893456000}`, "invalid_field", "sendAt must be a string, not number"},
		{`{"content":"x","sendAt":"` + in(2*day) + `"}`, "missing_fields", "Missing required fields"},
	} {
		ada.mustFail("message:schedule", test.payload, test.code, test.message)
	}
	first := ada.schedule(payload(in(2 * day)))
	if first.Content != "later" || first.RecipientID != "bob" || first.State != "waiting" {
		t.Errorf("scheduled %+v", first)
	}
	if c := adas.rescheduled(); c.ScheduledID != first.ID || c.State != "waiting" || c.RecipientID != "bob" || c.SendAt != first.SendAt {
		t.Errorf("the other device was told %+v", c)
	}
	for _, command := range []string{"message:reschedule", "message:unschedule"} {
		bob.mustFail(command, map[string]string{"scheduledId": first.ID, "content": "x"}, "scheduled_not_found", "Scheduled message not found")
	}
	both := map[string]any{"scheduledId": first.ID, "sendAt": in(3 * day), "now": true}
	ada.mustFail("message:reschedule", both, "invalid_field", "now must not be given together with sendAt")
	ada.mustFail("message:reschedule", map[string]any{"scheduledId": first.ID, "now": false}, "missing_fields", "There must be content, sendAt or now")
	ada.must("message:reschedule", map[string]any{"scheduledId": first.ID, "content": "soon", "now": true})
	sent := bob.message("message:received")
	if sent.Content != "soon" || sent.SenderID != "ada" || sent.SenderUsername != "Ada" || sent.ClientMsgID != "scheduled:"+first.ID {
		t.Errorf("bob got %+v", sent)
	}
	for _, d := range []*device{ada, adas} { // the one that has scheduled it too: it comes from nowhere
		for c := d.rescheduled(); ; c = d.rescheduled() {
			if c.State == "sent" {
				if c.ScheduledID != first.ID || c.MessageID != sent.ID {
					t.Errorf("told %+v", c)
				}
				break
			}
		}
		if m := d.message("message:received"); m.ID != sent.ID {
			t.Errorf("got %+v", m)
		}
	}
	ada.mustFail("message:unschedule", map[string]string{"scheduledId": first.ID}, "scheduled_not_found", "Scheduled message not found")

	second := ada.schedule(payload(in(2 * day)))
	adas.must("message:unschedule", map[string]string{"scheduledId": second.ID})
	if c := ada.rescheduled(); c.ScheduledID != second.ID || c.State != "cancelled" {
		t.Errorf("told %+v", c)
	}
}
