package authorization_test

import (
	"os"
	"strings"
	"testing"
)

const (
	accepted       = "ok"
	badCredentials = "invalid_credentials"
	badKey         = "api_key_refused"
	noRefresh      = "refresh_refused"
	nameManaged    = "name_managed"
	noScope        = "scope_missing"
	noFile         = "file_not_found"
	noHook         = "webhook_not_found"
)

// accountTable has the operations on one's own account, and those that anybody may ask for. What comes of them without
// credentials, for a user of another application, for a user with a local account, and with an API key.
var accountTable = []struct {
	op, payload                  string
	nobody, external, local, key string
}{
	{"getDocument", `{}`, accepted, accepted, accepted, accepted},
	{"register", `{"login":"$new","password":"correct horse battery"}`, accepted, accepted, accepted, accepted},
	{"login", `{"login":"$login","password":"$password"}`, accepted, accepted, accepted, accepted},
	{"login", `{"login":"$login","password":"not it"}`, badCredentials, badCredentials, badCredentials, badCredentials},
	{"getMe", `{}`, authentication, accepted, accepted, authentication},
	{"updateMe", `{"username":"Another"}`, authentication, nameManaged, accepted, authentication},
	{"refreshToken", `{}`, authentication, noRefresh, accepted, authentication},
	{"changePassword", `{"password":"not it","newPassword":"staple battery horse"}`, authentication, badCredentials, badCredentials, authentication},
	{"changePassword", `{"password":"$password","newPassword":"$password"}`, authentication, badCredentials, accepted, authentication},
	{"getPushKey", `{}`, accepted, accepted, accepted, accepted},
	{"subscribePush", `{"endpoint":"https://push.example/1","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`, authentication, accepted, accepted, authentication},
	{"unsubscribePush", `{"endpoint":"https://push.example/2"}`, authentication, accepted, accepted, authentication},
	{"getNotifications", `{}`, authentication, accepted, accepted, authentication},
	{"readNotifications", `{}`, authentication, accepted, accepted, authentication},
	{"getPushSettings", `{}`, authentication, accepted, accepted, authentication},
	{"setPushSettings", `{"level":"nothing"}`, authentication, accepted, accepted, authentication},
	{"setConversationPush", `{"conversationId":"room:none","level":"nothing"}`, authentication, "conversation_not_found", "conversation_not_found", authentication},
	{"postByHook", `{"id":"none","text":"hello"}`, noHook, noHook, noHook, noHook},
	{"getFile", `{"fileId":"none"}`, authentication, noFile, noFile, authentication},
	{"deleteFile", `{"fileId":"none"}`, authentication, noFile, noFile, authentication},
	{"getFileAccess", `{}`, authentication, accepted, accepted, authentication},
	{"logout", `{}`, authentication, accepted, accepted, authentication},
}

func TestAccounts(t *testing.T) {
	s := serve(t)
	const password = "correct horse battery"
	login := newLogin()
	s.perform(t, s.operations["register"], "", map[string]any{"login": login, "password": password})
	for _, r := range accountTable {
		op := s.operations[r.op]
		for _, cell := range []struct{ who, credentials, want string }{
			{"nobody", "", r.nobody}, {"a user", s.token("ada"), r.external}, {"a local user", s.login(login, password), r.local}, {"an API key", s.key, r.key},
		} {
			payload := object(t, os.Expand(r.payload, func(name string) string {
				return map[string]string{"login": login, "password": password, "new": newLogin()}[name]
			}))
			got := s.perform(t, op, cell.credentials, payload)
			if got.String() != cell.want {
				t.Errorf("%s %v by %s: %s, want %s", r.op, payload, cell.who, got, cell.want)
			}
		}
	}
	if got := s.perform(t, s.operations["getMe"], s.login(login, password), nil); !got.ok {
		t.Errorf("afterwards: %s", got.body)
	}
}

// login returns a token of a local account.
func (s *server) login(name, password string) string {
	s.t.Helper()
	var session struct{ Token string }
	s.perform(s.t, s.operations["login"], "", map[string]any{"login": name, "password": password}).into(s.t, &session)
	return session.Token
}

func newLogin() string { return "l" + strings.ToLower(rand())[:12] }

// An API key is no user's token, whatever it permits.
func TestKeysAreNoTokens(t *testing.T) {
	s := serve(t)
	for id, op := range s.operations {
		if op.user {
			if got := s.perform(t, op, s.key, map[string]any{}); got.code != authentication {
				t.Errorf("%s with an API key: %s", id, got)
			}
		}
	}
}
