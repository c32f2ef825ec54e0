// Package typescript writes what clients can ask for and are told as TypeScript:
// the module web/client/src/wire.ts, from the server's own structs.
//
//	typescript.go  Wire: the module
//	types.go       Go types as TypeScript
package typescript

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/wire"
)

const header = `// What travels between client and server. Written by "go test ./internal/typescript -update" from the
// server's own types. Do not edit.
`

// Wire returns the module.
func Wire() []byte {
	w := newWriter()
	commands, events := w.commands(), w.events()
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
	return out.Bytes()
}

func (w *writer) commands() string {
	var out strings.Builder
	for _, name := range command.Names() {
		shape, _ := command.Describe(name)
		fmt.Fprintf(&out, "  %q: { payload: %s; answer: %s };\n", name, w.payload(shape.Payload), w.object(answered(shape.Answer)))
	}
	return out.String()
}

func (w *writer) events() string {
	shapes := wire.Describe()
	told := make(map[string]string, len(shapes))
	for name, of := range shapes {
		if of == nil {
			told[name] = "{ timestamp: string; [field: string]: unknown }"
			continue
		}
		told[name] = w.of(of)
	}
	sent, _ := command.Describe("message:send")
	told["message:sent"] = w.object(answered(sent.Answer))
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(told)) {
		fmt.Fprintf(&out, "  %q: %s;\n", name, told[name])
	}
	return out.String()
}
