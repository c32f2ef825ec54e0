package storetest

import (
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// testAuditOfCommands: commands of chats carry entries of the audit log too.
func testAuditOfCommands(f *fixture) {
	r := f.room(chat.RoomPublic, 10, "ada")
	entry := func(n string) account.AuditEntry {
		return account.AuditEntry{ID: account.AuditTime(start) + n, At: start, By: account.Doer{Kind: account.ByOperator}, Action: "tried", Target: n}
	}
	ctx := account.WithAudit(f.Context(), entry("1"))
	if err := f.store.DeleteRoom(ctx, chat.DeleteRoom{RoomID: r.ID, Actor: actor("bob"), At: start}); err == nil {
		f.Error("a stranger has deleted the room")
	}
	f.Must(f.store.DeleteRoom(account.WithAudit(f.Context(), entry("2")), chat.DeleteRoom{RoomID: r.ID, Actor: actor("ada"), At: start}))
	entries, err := f.accounts.Audit(f.Context(), account.AuditSearch{Below: "g", Limit: 10})
	f.Must(err)
	if len(entries) != 1 || entries[0] != entry("2") {
		f.Errorf("the log has %+v", entries)
	}
}
