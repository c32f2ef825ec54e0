package socketio_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// decoded returns the elements of a received event, name and all.
func decoded(t testing.TB, messages ...string) []socketio.Value {
	t.Helper()
	p, ok, err := feed(socketio.JSON{}.NewDecoder(), messages...)
	if err != nil || !ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	elements, err := p.Body.Elements()
	if err != nil {
		t.Fatal(err)
	}
	return elements
}

func reencoded(t testing.TB, args ...any) []string {
	t.Helper()
	encoded, err := socketio.JSON{}.Encode(&socketio.Packet{Type: socketio.PacketEvent, Event: "e", Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return wire(encoded)
}

func TestValueIsSentOnAsItCame(t *testing.T) {
	for _, messages := range [][]string{
		{`2["e",12345678901234567890,1.0,-0,1e400]`},
		{`2["e",{"b":1.0,"a":12345678901234567890}]`},
		{`2["e","<a>&\u2028"]`},
		{`2["e",null,true,[],{}]`},
		{`51-["e",{"_placeholder":true,"num":0}]`, "binary:x"},
		{`51-["e",{"_placeholder":true,"num":0},1.0,12345678901234567890]`, "binary:x"},
		{`51-["e",{"a":12345678901234567890,"b":{"_placeholder":true,"num":0},"c":1.0,"d":"<&>"}]`, "binary:x"},
		{`52-["e",[{"_placeholder":true,"num":0},1e400],{"_placeholder":true,"num":1}]`, "binary:x", "binary:y"},
	} {
		args := socketio.Args(decoded(t, messages...)[1:]).Values()
		if got := reencoded(t, args...); !reflect.DeepEqual(got, messages) {
			t.Errorf("sent on as %q\ncame as    %q", got, messages)
		}
	}
}

func TestValueInsideAValueIsSentOn(t *testing.T) {
	v := decoded(t, `51-["e",{"n":12345678901234567890,"x":{"_placeholder":true,"num":0},"y":"<&>"}]`, "binary:x")[1]
	got := reencoded(t, map[string]any{"from": v})
	want := []string{`51-["e",{"from":{"n":12345678901234567890,"x":{"_placeholder":true,"num":0},"y":"<&>"}}]`, "binary:x"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	plain := decoded(t, `2["e",{"n":1.0,"s":"<&>"}]`)[1]
	if got := reencoded(t, []any{plain}); got[0] != `2["e",[{"n":1.0,"s":"<&>"}]]` {
		t.Errorf("got %q", got)
	}
}

func TestValueDecode(t *testing.T) {
	type upload struct {
		ID    uint64          `json:"id"`
		Bytes []byte          `json:"bytes"`
		File  socketio.Binary `json:"file"`
	}
	binary := []string{`52-["e",{"id":12345678901234567890,"bytes":{"_placeholder":true,"num":0},"file":{"_placeholder":true,"num":1}}]`, "binary:a", "binary:b"}
	var u upload
	if err := decoded(t, binary...)[1].Decode(&u); err != nil {
		t.Fatal(err)
	}
	if u.ID != 12345678901234567890 || string(u.Bytes) != "a" || string(u.File) != "b" {
		t.Errorf("got %+v", u)
	}
	var fields map[string]any
	if err := decoded(t, binary...)[1].Decode(&fields); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fields["file"], socketio.Binary("b")) {
		t.Errorf("in a map: %#v", fields["file"])
	}
	var list []any
	if err := decoded(t, `51-["e",[{"_placeholder":true,"num":0},1]]`, "binary:a")[1].Decode(&list); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(list, []any{socketio.Binary("a"), 1.0}) {
		t.Errorf("in a list: %#v", list)
	}
	var whole []byte
	if err := decoded(t, `51-["e",{"_placeholder":true,"num":0}]`, "binary:a")[1].Decode(&whole); err != nil || string(whole) != "a" {
		t.Errorf("got %q, %v", whole, err)
	}
	var any1 any
	if err := decoded(t, `2["e",1]`)[1].Decode(&any1); err != nil || any1 != 1.0 {
		t.Errorf("got %#v, %v", any1, err)
	}
	var number int
	if err := decoded(t, binary...)[1].Decode(&number); err == nil {
		t.Error("an object went into an int")
	}
	// A plain event has no attachments, so that nothing is a placeholder in it.
	var lookalike map[string]any
	if err := decoded(t, `2["e",{"_placeholder":true,"num":0}]`)[1].Decode(&lookalike); err != nil || lookalike["num"] != 0.0 {
		t.Errorf("got %#v, %v", lookalike, err)
	}
}

func TestIllegalPlaceholders(t *testing.T) {
	for _, num := range []string{`1`, `-1`, `0.5`, `-0.5`, `1e300`, `-1e300`, `9223372036854775808`, `"0"`, `null`, `true`, `[0]`, `{}`} {
		for _, text := range []string{`{"_placeholder":true,"num":` + num + `}`, `{"x":[{"_placeholder":true,"num":` + num + `}]}`} {
			v := decoded(t, `51-["e",`+text+`]`, "binary:a")[1]
			for _, dst := range []any{new(any), new([]byte), new(socketio.Binary), new(map[string]any), new(struct{ X []socketio.Binary })} {
				if err := v.Decode(dst); !errors.Is(err, socketio.ErrMalformed) {
					t.Errorf("%s into %T: %v, error %v", text, dst, reflect.ValueOf(dst).Elem(), err)
				}
			}
			if _, err := (socketio.JSON{}).Encode(&socketio.Packet{Type: socketio.PacketEvent, Event: "e", Args: []any{v}}); err == nil {
				t.Errorf("%s was sent on", text)
			}
		}
	}
	v := decoded(t, `51-["e",{"_placeholder":true}]`, "binary:a")[1]
	if err := v.Decode(new(any)); !errors.Is(err, socketio.ErrMalformed) {
		t.Errorf("without num: %v", err)
	}
}

// What a client sends as text must not turn into an attachment, or into a
// failure, when the server sends it on.
func TestBinaryCannotBeForged(t *testing.T) {
	marker, err := json.Marshal(socketio.Binary("AAAA"))
	if err != nil {
		t.Fatal(err)
	}
	for _, forged := range []string{
		`{"\u0000socketio.Binary":"AAAA"}`,
		`{"\u0000socketio.Binary":"!"}`,
		`{"\u0000socketio.Binary":"AAAA","x":"y"}`,
	} {
		var tree any
		v := decoded(t, `2["e",`+forged+`]`)[1]
		if err := v.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		for _, arg := range []any{tree, v, map[string]any{"from": v}, json.RawMessage(forged)} {
			if got := reencoded(t, arg); len(got) != 1 || !strings.HasPrefix(got[0], `2["e",`) {
				t.Errorf("%T %s was sent as %q", arg, forged, got)
			}
		}
	}
	if strings.HasPrefix(string(marker), `{"\u0000socketio.Binary":"`) {
		t.Errorf("the marker can be guessed: %s", marker)
	}
}

func TestArgsDecode(t *testing.T) {
	args := socketio.Args(decoded(t, `2["e",1,"two",[3]]`)[1:])
	var one int
	var two string
	if err := args.Decode(&one, &two); err != nil || one != 1 || two != "two" {
		t.Errorf("%d %q %v", one, two, err)
	}
	three, four := []int(nil), "kept"
	if err := args.Decode(&one, &two, &three, &four); err != nil || three[0] != 3 || four != "kept" {
		t.Errorf("%v %q %v", three, four, err)
	}
	var bad *socketio.ArgumentError
	if err := args.Decode(&one, &one); !errors.As(err, &bad) || bad.Index != 1 || bad.Unwrap() == nil {
		t.Errorf("error %v", err)
	} else if !strings.HasPrefix(bad.Error(), "argument 1: ") {
		t.Errorf("error text %q", bad)
	}
}

// A text full of placeholders for one attachment is refused before it becomes
// as many copies of it.
func TestPlaceholdersAreCounted(t *testing.T) {
	ten := "[" + strings.TrimPrefix(strings.Repeat(`,{"_placeholder":true,"num":0}`, 10), ",") + "]"
	var list []socketio.Binary
	if err := decoded(t, `51-["e",`+ten+`]`, "binary:a")[1].Decode(&list); err != nil || len(list) != 10 {
		t.Errorf("%d attachments, %v", len(list), err)
	}
	eleven := strings.Replace(ten, "[", `[{"_placeholder":true,"num":0},`, 1)
	v := decoded(t, `51-["e",`+eleven+`]`, "binary:a")[1]
	if err := v.Decode(&list); !errors.Is(err, socketio.ErrMalformed) {
		t.Errorf("eleven placeholders: %v", err)
	}
	if _, err := json.Marshal(v); err == nil {
		t.Error("eleven placeholders were sent on")
	}
}
