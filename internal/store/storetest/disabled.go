package storetest

import (
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// testScheduledByDisabled: what somebody has scheduled who is disabled by then is not sent.
func testScheduledByDisabled(f *fixture) {
	_, _, err := f.accounts.EnsureUser(f.Context(), account.EnsureUser{ID: "anna", Name: "Anna", Issuer: account.OwnIssuer, At: start})
	f.Must(err)
	cmd := chat.Schedule{
		Scheduled: chat.Scheduled{
			ID: "s", AuthorID: "anna", AuthorName: "Anna", RecipientID: "bert", Content: "x", Type: chat.TypeText,
			SendAt: start.Add(time.Hour), CreatedAt: start, Version: 1,
		},
		Append: f.direct("anna", "bert", "x"), Fingerprint: []byte("x"), Most: 10,
	}
	m, err := f.store.ScheduleMessage(f.Context(), cmd)
	f.Must(err)
	f.Events.Take()
	disable := func(off bool) {
		f.Helper()
		_, err := f.accounts.ChangeUser(f.Context(), account.ChangeUser{ID: "anna", Disabled: &off, At: start})
		f.Must(err)
	}
	send := func() error {
		_, err := f.store.SendScheduled(f.Context(), chat.SendScheduled{Due: chat.Due{ID: m.ID, Version: m.Version}, Append: cmd.Append})
		return err
	}
	disable(true)
	f.Refused(send(), account.ErrAccountDisabled)
	f.Quiet()
	left, err := f.store.ScheduledMessages(f.Context(), "anna")
	f.Must(err)
	if len(left) != 1 {
		f.Errorf("scheduled are %+v", left)
	}
	disable(false)
	f.Must(send())
}
