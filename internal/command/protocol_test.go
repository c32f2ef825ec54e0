package command_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/shape"
	"github.com/sockeye-im/sockeye/internal/wire"
)

var update = flag.Bool("update", false, "write the tables of docs/protocol.md anew")

const protocol = "../../docs/protocol.md"

// TestProtocolIsUpToDate fails when the tables of docs/protocol.md say something else of commands and events than the
// server does. The last column of each is the document's own.
func TestProtocolIsUpToDate(t *testing.T) {
	text, err := os.ReadFile(protocol)
	if err != nil {
		t.Fatal(err)
	}
	want := inSection(string(text), "## Commands", "### Message", commandTable)
	want = inSection(want, "## Events", "## Errors", eventTable)
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the server speaks: run go test ./internal/command -update\n%s", protocol, firstDifference(string(text), want))
	}
	if err := os.WriteFile(protocol, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestShapesAreDocumented wants every field of a shape that has a heading under it.
func TestShapesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(protocol)
	if err != nil {
		t.Fatal(err)
	}
	for of, heading := range described {
		_, section, _ := strings.Cut(string(text), "\n### "+strings.ToUpper(heading[:1])+heading[1:]+"\n")
		section, _, _ = strings.Cut(section, "\n##")
		for _, f := range shape.Fields(of) {
			if !regexp.MustCompile(`\b` + f.Name + `\b`).MatchString(section) {
				t.Errorf("%s: %s lacks %s", protocol, heading, f.Name)
			}
		}
	}
}

// TestTablesFollowTheServer has a document that lags behind.
func TestTablesFollowTheServer(t *testing.T) {
	lagging := "| `room:kik` | `x` | | gone |\n| `room:kick` | `roomId, why?` | `x` | kept |\n"
	got := commandTable(lagging)
	if !strings.Contains(got, "| `room:kick` | `roomId, userId` | | kept |\n") || strings.Contains(got, "kik") || !strings.Contains(got, "| `room:ban` | ") {
		t.Errorf("made %s", got)
	}
	got = eventTable("| `typing:start`, `typing:hum` | `x` | kept |\n")
	if !strings.HasPrefix(got, "| `typing:start` | `userId, username?, roomId?` | kept |\n") || !strings.Contains(got, "| `user:online` | ") {
		t.Errorf("made %s", got)
	}
}

// inSection replaces the rows of a table between two headings.
func inSection(text, from, to string, rewrite func(rows string) string) string {
	start := strings.Index(text, "\n"+from+"\n")
	end := start + strings.Index(text[start:], "\n"+to+"\n")
	first := start + strings.Index(text[start:end], " --- |\n") + len(" --- |\n")
	last := first + strings.Index(text[first:end], "\n\n") + 1
	return text[:first] + rewrite(text[first:last]) + text[last:]
}

func firstDifference(got, want string) string {
	was, is := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, was[i], is[i])
		}
	}
	return "lines are missing at the end"
}

// row is a row of a table: what it is about, and its last column.
var row = regexp.MustCompile("(?m)^\\| (`[^|]*) \\| .*?\\|([^|]*) ?\\|$")

var name = regexp.MustCompile("`([a-z:_]+)`")

func commandTable(rows string) string {
	own := make(map[string]string)
	for _, found := range row.FindAllStringSubmatch(rows, -1) {
		own[found[1]] = strings.TrimSpace(found[2])
	}
	var out strings.Builder
	for _, name := range command.Names() {
		of, _ := command.Describe(name)
		answer := shape.Fields(of.Answer)[1:] // without ok
		out.WriteString(cells("`"+name+"`", payload(shape.Fields(of.Payload)), carried(answer), own["`"+name+"`"]))
	}
	return out.String()
}

func cells(of ...string) string {
	var out strings.Builder
	out.WriteString("|")
	for _, cell := range of {
		if cell != "" {
			out.WriteString(" " + cell)
		}
		out.WriteString(" |")
	}
	return out.String() + "\n"
}

// payload is a cell of fields that clients send.
func payload(fields []shape.Field) string {
	var one, list []string
	var before shape.Need
	for _, f := range fields {
		of := asked(f)
		switch {
		case f.Need == shape.One:
			one = append(one, of)
		case (f.Need == shape.Either || f.Need == shape.Any) && f.Need == before:
			list[len(list)-1] += " or " + of
		default:
			list = append(list, of)
		}
		before = f.Need
	}
	var clauses []string
	if one != nil {
		clauses = append(clauses, "one of "+strings.Join(one, ", "))
	}
	if list != nil {
		clauses = append(clauses, joined(list))
	}
	return strings.Join(clauses, "; ")
}

// joined puts what is code alone side by side into one piece.
func joined(list []string) string {
	out := list[0]
	for i, of := range list[1:] {
		if strings.Count(list[i]+of, "`") == 4 && strings.HasSuffix(list[i], "`") {
			out = strings.TrimSuffix(out, "`") + ", " + of[1:]
		} else {
			out += ", " + of
		}
	}
	return out
}

// asked is a field that clients send: code, and what it is limited to.
func asked(f shape.Field) string {
	text := f.Name
	switch {
	case f.Default != "" && f.Type.Kind() == reflect.String:
		text += "=" + strconv.Quote(f.Default)
	case f.Default != "":
		text += "=" + f.Default
	case f.Need == shape.Optional || f.Need == shape.Either:
		text += "?"
	}
	text = "`" + text + "`"
	if words := wire.Words(f.Type); words != nil && f.Default == "" {
		return text + " (`" + strings.Join(words[:len(words)-1], "`, `") + "` or `" + words[len(words)-1] + "`)"
	}
	if f.Type.Kind() == reflect.String || f.Max == "" {
		return text
	}
	if f.Min != "" {
		return text + " (" + f.Min + " to " + thousands(f.Max) + ")"
	}
	return text + " (at most " + thousands(f.Max) + ")"
}

func thousands(digits string) string {
	if len(digits) < 4 {
		return digits
	}
	return digits[:len(digits)-3] + "," + digits[len(digits)-3:]
}

// described are the shapes that have a heading of their own, and which.
var described = map[reflect.Type]string{
	reflect.TypeFor[wire.Message](): "message", reflect.TypeFor[wire.Room](): "room", reflect.TypeFor[wire.User](): "user",
	reflect.TypeFor[wire.Scheduled](): "scheduled message", reflect.TypeFor[wire.Conversation](): "conversation", reflect.TypeFor[wire.Contact](): "user", reflect.TypeFor[wire.Catchup](): "sync",
}

// carried is a cell of fields that the server sends.
func carried(fields []shape.Field) string {
	if len(fields) == 0 {
		return ""
	}
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
		if f.Omitted {
			list[i] += "?"
		}
		if inside := f.Type; inside.Kind() == reflect.Slice && inside.Elem().Kind() == reflect.Struct && described[inside.Elem()] == "" {
			list[i] += ": [" + object(inside.Elem()) + "]"
		} else if inside.Kind() == reflect.Struct && described[inside] == "" && inside != reflect.TypeFor[wire.Time]() {
			list[i] += ": " + object(inside)
		}
	}
	return "`" + strings.Join(list, ", ") + "`"
}

func object(of reflect.Type) string {
	return "{" + strings.Trim(carried(shape.Fields(of)), "`") + "}"
}

func eventTable(rows string) string {
	shapes := wire.Describe()
	sent, _ := command.Describe("message:send")
	shapes["message:sent"], shapes["error"] = sent.Answer, reflect.TypeFor[command.Refusal]()
	var out strings.Builder
	for _, found := range row.FindAllStringSubmatch(rows, -1) {
		var names []string
		of := reflect.Type(nil)
		for _, n := range name.FindAllStringSubmatch(found[1], -1) {
			if one, there := shapes[n[1]]; there && (names == nil || one == of) {
				names, of = append(names, n[0]), one
				delete(shapes, n[1])
			}
		}
		if names != nil {
			out.WriteString(cells(strings.Join(names, ", "), event(of), strings.TrimSpace(found[2])))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(shapes)) { // what is new
		out.WriteString(cells("`"+n+"`", event(shapes[n]), ""))
	}
	return out.String()
}

// event is the cell of what an event carries. L stands for its place in a log.
func event(of reflect.Type) string {
	switch {
	case of == nil:
		return "the application's own, with `timestamp`"
	case described[of] != "":
		return "[" + described[of] + "](#" + described[of] + ")"
	case of.Kind() == reflect.Slice && described[of.Elem()] != "":
		return "[" + described[of.Elem()] + "s](#" + described[of.Elem()] + ")"
	case of.Kind() == reflect.Slice:
		return "`[" + object(of.Elem()) + ", …]`"
	}
	var fields []shape.Field
	place := ""
	for _, f := range shape.Fields(of) {
		switch {
		case f.Name == "ok":
		case len(f.Index) > 1 && (f.Name == "conversationId" || f.Name == "seq" || f.Name == "timestamp"):
			place = " L"
		default:
			fields = append(fields, f)
		}
	}
	return carried(fields) + place
}
