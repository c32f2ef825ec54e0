package typescript

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
)

// words are the types that are one of a few words.
var words = map[reflect.Type][]string{
	reflect.TypeFor[chat.RoomType](): {string(chat.RoomPublic), string(chat.RoomPrivate), string(chat.RoomDirect)},
	reflect.TypeFor[chat.MessageType](): {
		string(chat.TypeText), string(chat.TypeImage), string(chat.TypeVideo), string(chat.TypeAudio), string(chat.TypeVoice),
		string(chat.TypeFile), string(chat.TypeSystem),
	},
	reflect.TypeFor[chat.Role]():        {string(chat.RoleAdmin), string(chat.RoleMember)},
	reflect.TypeFor[chat.LeaveReason](): {string(chat.LeftKicked), string(chat.LeftBanned)},
	reflect.TypeFor[account.Relation](): {
		string(account.RelationNone), string(account.RelationSent), string(account.RelationReceived),
		string(account.RelationFriends), string(account.RelationBlocked),
	},
}

// renamed are the structs whose own names say too little outside their package.
var renamed = map[string]string{
	"hub.added": "MembersAdded", "hub.change": "MessageChange", "hub.deletion": "MessageDeletion", "hub.mark": "ReadMark",
	"hub.person": "Passing", "hub.present": "PresentFriends", "hub.reaction": "ReactionChange", "hub.receipt": "ReadReceipt",
	"hub.relation": "RelationChange", "hub.role": "RoleChange", "hub.roomEnd": "RoomDeletion", "hub.Event": "LoggedEvent",
}

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
	case reflect.TypeFor[hub.Time]():
		return "string"
	case reflect.TypeFor[json.RawMessage]():
		return "unknown"
	}
	if words[t] != nil {
		quoted := make([]string, len(words[t]))
		for i, word := range words[t] {
			quoted[i] = strconv.Quote(word)
		}
		return w.name(t, func(name string) string { return "export type " + name + " = " + strings.Join(quoted, " | ") + ";" })
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
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
		return w.name(t, func(name string) string { return "export interface " + name + " " + w.block(fieldsOf(t)) })
	}
	panic(fmt.Sprintf("typescript: no type of %v", t))
}

func (w *writer) name(t reflect.Type, declare func(name string) string) string {
	name, ok := renamed[t.String()]
	if !ok {
		name = string(unicode.ToUpper(rune(t.Name()[0]))) + t.Name()[1:]
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

// fieldsOf are the fields of what the server writes, with those of embedded structs.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue // embedded structs have no tag; their fields come by themselves
		}
		optional := strings.Contains(options, "omit")
		fields = append(fields, field{name: name, of: f.Type, optional: optional, nullable: !optional && f.Type.Kind() == reflect.Pointer})
	}
	return fields
}

// answered are the fields of an acknowledgement beside ok.
func answered(t reflect.Type) []field {
	return slices.DeleteFunc(fieldsOf(t), func(f field) bool { return f.name == "ok" })
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
