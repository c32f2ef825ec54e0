package wire

import "github.com/sockeye-im/sockeye/internal/account"

// AuditEntry is a line of the audit log, for administrators.
type AuditEntry struct {
	ID        string              `json:"id"`
	Timestamp Time                `json:"timestamp"`
	Action    account.AuditAction `json:"action"`
	ByKind    account.DoerKind    `json:"byKind" doc:"What did it: user, api_key, operator for a command on the server's machine, or stranger for who has not signed in."`
	By        string              `json:"by,omitempty" doc:"The id of the user or of the API key."`
	Address   string              `json:"address,omitempty" doc:"From where."`
	Target    string              `json:"target,omitempty" doc:"To whom or to what: the id of a user, an address, the id of something else."`
	Detail    string              `json:"detail,omitempty" doc:"For people."`
}

// AuditEntryOf is an entry as it travels.
func AuditEntryOf(e *account.AuditEntry) AuditEntry {
	w := AuditEntry{
		ID: e.ID, Timestamp: Time(e.At), Action: e.Action, ByKind: e.By.Kind, By: e.By.ID, Target: e.Target, Detail: e.Detail,
	}
	if e.By.From.IsValid() {
		w.Address = e.By.From.String()
	}
	return w
}
