package wire_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// TestDescribe holds what is described to what travels, of every kind of event that package chat has.
func TestDescribe(t *testing.T) {
	source, err := os.ReadFile("../chat/event.go")
	if err != nil {
		t.Fatal(err)
	}
	shapes := wire.Describe()
	kinds := regexp.MustCompile(`(?m)^\t\w+ +EventKind = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(kinds) < 18 {
		t.Fatalf("found %d kinds in event.go", len(kinds))
	}
	for _, found := range kinds {
		kind := chat.EventKind(found[1])
		if kind == chat.MessageRead {
			continue // tells of each receipt by itself
		}
		for _, room := range []string{"", "hall"} {
			e := &chat.Event{Kind: kind}
			for i, field := 0, reflect.ValueOf(e).Elem(); i < field.NumField(); i++ {
				if field.Field(i).Kind() == reflect.Pointer {
					field.Field(i).Set(reflect.New(field.Field(i).Type().Elem()))
				}
			}
			e.Message.RoomID = room
			event, ok := wire.EventOf(e)
			if !ok {
				t.Errorf("%s does not travel: it has no row in chatEvents", kind)
				continue
			}
			if got, want := reflect.TypeOf(event.Payload), shapes[event.Name]; got != want {
				t.Errorf("%s carries %v, and is described as %v", event.Name, got, want)
			}
		}
	}
}

// TestTableIsDescribed holds Describe to the rows of the table, of which some are in no map.
func TestTableIsDescribed(t *testing.T) {
	source, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	shapes := wire.Describe()
	rows := regexp.MustCompile(`(?:\bkind\(|\bas\[[^(]*\]\(|\bname: )"([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(rows) != len(shapes) {
		t.Errorf("%d rows were found, and %d events are described", len(rows), len(shapes))
	}
	for _, row := range rows {
		if _, described := shapes[row[1]]; !described {
			t.Errorf("%s is in the table, and Describe does not name it", row[1])
		}
	}
}

// TestDescribeIsComplete compares with the events of docs/protocol.md.
func TestDescribeIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## Events\n")
	table, _, _ = strings.Cut(table, "\n## ")
	shapes := wire.Describe()
	others := []string{"message:sent", "error"} // what answers a command
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([a-z:_]+)`").FindAllStringSubmatch(row[1], -1) {
			if _, ok := shapes[name[1]]; !ok && !slices.Contains(others, name[1]) {
				t.Errorf("%s is documented, and not described", name[1])
			}
			delete(shapes, name[1])
		}
	}
	for name := range shapes {
		t.Errorf("%s is described, and not documented", name)
	}
}
