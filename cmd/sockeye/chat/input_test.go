package chat_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/sockeye-im/sockeye/cmd/sockeye/chat"
)

// FuzzRequest: a line of input is a message or a command, or an error that says it
// is of the input.
func FuzzRequest(f *testing.F) {
	f.Add(`{"content": "hello", "replyTo": "m"}`)
	f.Add(`{"command": "room:get", "payload": {"roomId": "r"}, "ref": 1}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, line string) {
		command, content, err := chat.ReadRequest(line)
		if err == nil && command == "" && content == "" {
			t.Errorf("%q says nothing", line)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "input: ") {
			t.Errorf("%q: %v", line, err)
		}
	})
}

// FuzzPrintable: nothing that commands a terminal gets through.
func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[2J\u202eb\r\nc\td")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range chat.Printable(text) {
			if r != '\n' && unicode.IsControl(r) {
				t.Errorf("%q lets %q through", text, r)
			}
		}
	})
}
