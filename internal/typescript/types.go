package typescript

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sockeye-im/sockeye/internal/shape"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// writer writes types, and keeps the declarations of those that have a name.
type writer struct {
	named map[string]string
	types map[string]reflect.Type
}

func newWriter() *writer {
	return &writer{named: make(map[string]string), types: make(map[string]reflect.Type)}
}

// of is what encoding/json writes of a type. It panics where that is no JSON, or
// where two types have one name: these are mistakes of the program.
func (w *writer) of(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[wire.Time]():
		return "string"
	case reflect.TypeFor[json.RawMessage]():
		return "unknown"
	}
	if words := wire.Words(t); words != nil {
		quoted := make([]string, len(words))
		for i, word := range words {
			quoted[i] = strconv.Quote(word)
		}
		return w.name(t, func(name string) string { return "export type " + name + " = " + strings.Join(quoted, " | ") + ";" })
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Interface:
		return "unknown"
	case reflect.Pointer:
		return w.of(t.Elem())
	case reflect.Slice:
		return w.of(t.Elem()) + "[]"
	case reflect.Map:
		return "Record<string, " + w.of(t.Elem()) + ">"
	case reflect.Struct:
		if t.Name() == "" { // settings, of which a payload names some
			return w.payload(t)
		}
		return w.name(t, func(name string) string { return "export interface " + name + " " + w.block(fieldsOf(t)) })
	}
	panic(fmt.Sprintf("typescript: no type of %v", t))
}

func (w *writer) name(t reflect.Type, declare func(name string) string) string {
	name := string(unicode.ToUpper(rune(t.Name()[0]))) + t.Name()[1:]
	if t == reflect.TypeFor[wire.Event]() {
		name = "LoggedEvent" // every browser has another Event
	}
	switch other := w.types[name]; other {
	case t:
	case nil:
		w.types[name] = t
		w.named[name] = declare(name)
	default:
		panic(fmt.Sprintf("typescript: %v and %v would both be called %s", other, t, name))
	}
	return name
}

// field is a field of an object.
type field struct {
	name     string
	of       reflect.Type
	optional bool // it may be left out
	nullable bool
}

// fieldsOf are the fields of what the server writes.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range shape.Fields(t) {
		fields = append(fields, field{name: f.Name, of: f.Type, optional: f.Omitted, nullable: f.Nullable()})
	}
	return fields
}

// answered are the fields of an acknowledgement beside ok.
func answered(t reflect.Type) []field {
	return slices.DeleteFunc(fieldsOf(t), func(f field) bool { return f.name == "ok" })
}

// payload is what a client has to send, and may.
func (w *writer) payload(t reflect.Type) string {
	var all, alternatives []field
	for _, f := range shape.Fields(t) {
		of := field{name: f.Name, of: f.Type, optional: f.Need != shape.Required && f.Need != shape.One}
		if f.Need == shape.One {
			alternatives = append(alternatives, of)
		} else {
			all = append(all, of)
		}
	}
	if len(alternatives) == 0 {
		return w.object(all)
	}
	choice := "OneOf<" + w.object(alternatives) + ">"
	if len(all) == 0 {
		return choice
	}
	return choice + " & " + w.object(all)
}

func (w *writer) object(fields []field) string {
	if len(fields) == 0 {
		return "object"
	}
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = w.field(f)
	}
	return "{ " + strings.Join(parts, "; ") + " }"
}

func (w *writer) block(fields []field) string {
	var out strings.Builder
	out.WriteString("{\n")
	for _, f := range fields {
		out.WriteString("  " + w.field(f) + ";\n")
	}
	return out.String() + "}"
}

func (w *writer) field(f field) string {
	mark, null := "", ""
	if f.optional {
		mark = "?"
	}
	if f.nullable {
		null = " | null"
	}
	return f.name + mark + ": " + w.of(f.of) + null
}
