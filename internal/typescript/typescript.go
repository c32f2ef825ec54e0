// Package typescript writes what clients can ask for and are told as TypeScript:
// the module web/client/src/wire.ts. Names and types are those of the server's own
// structs; which fields of a payload may be left out is what docs/protocol.md says.
//
//	typescript.go  Wire: the module
//	types.go       Go types as TypeScript
//	payloads.go    the payloads of docs/protocol.md
package typescript

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/hub"
)

const header = `// What travels between client and server. Written by "go test ./internal/typescript -update" from the
// server's own types and docs/protocol.md. Do not edit.
`

// Wire returns the module. protocol is the text of docs/protocol.md, of which it
// takes what may be left out of payloads; an error tells where the document and
// the server are not of one mind.
func Wire(protocol string) ([]byte, error) {
	documented, err := payloadsOf(protocol)
	if err != nil {
		return nil, err
	}
	w := newWriter()
	commands, err := w.commands(documented)
	if err != nil {
		return nil, err
	}
	events := w.events()
	refusal := w.of(reflect.TypeFor[command.Refusal]())
	var out bytes.Buffer
	out.WriteString(header)
	out.WriteString("\n/** Exactly one of the fields. */\n" +
		"export type OneOf<T> = { [K in keyof T]: { [P in K]: T[P] } & { [P in Exclude<keyof T, K>]?: never } }[keyof T];\n")
	for _, name := range slices.Sorted(maps.Keys(w.named)) {
		fmt.Fprintf(&out, "\n%s\n", w.named[name])
	}
	fmt.Fprintf(&out, "\n/** Commands by name: what they take, and what acknowledges them beside `ok`. */\nexport interface Commands {\n%s}\n", commands)
	out.WriteString("\n/** The names of all commands. */\nexport const commandNames = [\n")
	for _, name := range command.Names() {
		fmt.Fprintf(&out, "  %q,\n", name)
	}
	out.WriteString("] as const satisfies readonly (keyof Commands)[];\n")
	fmt.Fprintf(&out, "\n/** Events by name, and what they carry. */\nexport interface ServerEvents {\n%s  error: %s;\n}\n", events, refusal)
	return out.Bytes(), nil
}

func (w *writer) commands(documented map[string]payload) (string, error) {
	var out strings.Builder
	for _, name := range command.Names() {
		shape, _ := command.Describe(name)
		of, ok := documented[name]
		if !ok {
			return "", fmt.Errorf("typescript: docs/protocol.md has no command %s", name)
		}
		takes, err := w.payload(shape.Payload, of)
		if err != nil {
			return "", fmt.Errorf("typescript: %s: %w", name, err)
		}
		fmt.Fprintf(&out, "  %q: { payload: %s; answer: %s };\n", name, takes, w.object(answered(shape.Answer)))
	}
	return out.String(), nil
}

func (w *writer) events() string {
	shapes := hub.Describe()
	told := make(map[string]string, len(shapes))
	for name, of := range shapes {
		if of == nil {
			told[name] = "{ timestamp: string; [field: string]: unknown }"
			continue
		}
		told[name] = w.of(of)
	}
	// Those that a device is told beside what the hub tells.
	sent, _ := command.Describe("message:send")
	told["message:sent"] = w.object(answered(sent.Answer))
	for _, name := range []string{"room:messages", "messages:unread"} {
		told[name] = w.of(reflect.TypeFor[[]hub.Message]())
	}
	told["conversation:heads"] = w.of(reflect.TypeFor[[]hub.Head]())
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(told)) {
		fmt.Fprintf(&out, "  %q: %s;\n", name, told[name])
	}
	return out.String()
}
