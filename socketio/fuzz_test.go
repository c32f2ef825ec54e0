package socketio_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// FuzzDecoder feeds a connection's decoder with frames, one a line; a line that
// begins with "b" is a binary frame. The decoder must neither panic nor hold
// more than what came in, and what it decodes must survive being sent on.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		"0", "0/a,{\"token\":1}", "1/a,", `2["e",1]`, `2/a,12["e",{"a":[1.0]}]`, `31["x"]`,
		"51-[\"e\",{\"_placeholder\":true,\"num\":0}]\nbdata",
		"52-[\"e\",{\"x\":{\"_placeholder\":true,\"num\":1},\"n\":12345678901234567890},{\"_placeholder\":true,\"num\":0}]\nb1\nb2",
		"61-/a,4[{\"_placeholder\":true,\"num\":0}]\nbx", "511-[]\n", "51-[1]\n2[1]",
		"51-[\"e\",{\"_placeholder\":true,\"num\":1e300}]\nbx", "51-[\"e\",{\"_placeholder\":true,\"num\":0.5}]\nbx",
		`2[5]`, `2["e",{"\u005fplaceholder":true,"num":0}]`, "2[\"\xff\"]", `2[ "e" , -0 ]`,
		`2["e",{"\u0000socketio.Binary":"AAAA"}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		d := socketio.JSON{}.NewDecoder()
		for frame := range bytes.SplitSeq(input, []byte("\n")) {
			data, binary := bytes.CutPrefix(frame, []byte("b"))
			p, ok, err := d.Add(binary, data)
			if held := socketio.Held(d); held > len(input) {
				t.Fatalf("the decoder holds %d bytes of %d", held, len(input))
			}
			if err != nil {
				return // the connection is closed
			}
			if ok && p.Body != nil && (p.Type == socketio.PacketEvent || p.Type == socketio.PacketAck) {
				sendOn(t, p, bytes.Count(input, []byte("_placeholder")))
			}
		}
	})
}

// sendOn encodes what was received and decodes it again.
func sendOn(t *testing.T, p socketio.Received, placeholders int) {
	elements, err := p.Body.Elements()
	if err != nil || len(elements) == 0 {
		return
	}
	again := socketio.Packet{Type: socketio.PacketAck, Namespace: p.Namespace, AckID: p.AckID, Args: socketio.Args(elements).Values()}
	var before []any
	for _, v := range elements {
		var tree any
		if v.Decode(&tree) != nil {
			return // an illegal attachment, or a number that is none of Go's
		}
		before = append(before, tree)
	}
	encoded, err := socketio.JSON{}.Encode(&again)
	if err != nil {
		if placeholders <= socketio.MaxAttachments {
			t.Fatalf("%q decodes but does not encode: %v", before, err)
		}
		return
	}
	d := socketio.JSON{}.NewDecoder()
	var back socketio.Received
	for i, m := range encoded {
		var ok bool
		if back, ok, err = d.Add(m.Binary(), m.Data()); err != nil || ok != (i == len(encoded)-1) {
			t.Fatalf("message %d of %q: %v, %v", i, wire(encoded), ok, err)
		}
	}
	if back.Namespace != p.Namespace || !reflect.DeepEqual(back.AckID, p.AckID) {
		t.Fatalf("header changed: %+v to %+v", p, back)
	}
	var after []any
	elements, err = back.Body.Elements()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range elements {
		var tree any
		if err := v.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		after = append(after, tree)
	}
	if !reflect.DeepEqual(before, after) {
		t.Fatalf("%#v became %#v", before, after)
	}
}

// FuzzValue decodes one argument of an event into all that a handler may ask
// for.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		`1`, `"x"`, `null`, `{"a":[1.0,{}]}`, `{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":-1}`,
		`[{"_placeholder":true,"num":0},12345678901234567890]`, `{"ID":1,"Data":{"_placeholder":true,"num":0}}`, `1e999`, `"\ud800"`,
	} {
		f.Add(seed, []byte("data"))
	}
	f.Fuzz(func(t *testing.T, text string, attachment []byte) {
		for _, header := range []string{`2`, `51-`} {
			messages := []string{header + `["e",` + text + `]`}
			if header == `51-` {
				messages = append(messages, "binary:"+string(attachment))
			}
			p, ok, err := feed(socketio.JSON{}.NewDecoder(), messages...)
			if err != nil || !ok {
				t.Fatalf("%q: %v, %v", messages, ok, err)
			}
			elements, err := p.Body.Elements()
			if err != nil {
				if json.Valid([]byte(`[`+text+`]`)) && strings.TrimSpace(text) != "" {
					t.Fatalf("%q is valid: %v", text, err)
				}
				continue
			}
			for _, v := range elements[1:] {
				decodeAll(v)
			}
		}
	})
}

// node is decoded into in all ways, as deep as the data goes.
type node struct {
	Any   any             `json:"a"`
	Data  []byte          `json:"data"`
	Next  *node           `json:"next"`
	List  []node          `json:"list"`
	Nodes map[string]node `json:"nodes"`
}

func decodeAll(v socketio.Value) {
	for _, dst := range []any{
		new(any), new(string), new(int), new(float64), new(bool), new([]byte), new(socketio.Binary),
		new([]any), new(map[string]any), new([]socketio.Binary), new(json.RawMessage), new(json.Number),
		new(struct {
			ID   int64
			Data socketio.Binary
			More *struct{ Data []byte }
		}),
		new([]map[string]any), new(map[string][]any), new(node), new([]node), new(map[string]node), new(struct{ any }),
	} {
		_ = v.Decode(dst) // must not panic
	}
	_, _ = v.Elements()
}

// FuzzEncode holds what is written without encoding/json against it, and sends
// bytes inside of all kinds of values.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{
		`1`, `-0`, `1e300`, `12345678901234567890`, `"x"`, `"\u2028<&>\u0000\u007f"`, `null`, `{}`, `[]`, `{"b":[1,{"a":null}],"a":"x","":true}`,
		`{"\"":1,"\n":2,"ä":3,"<":4}`, `[[[[]]]]`,
	} {
		f.Add([]byte(seed), "text", []byte("data"))
	}
	f.Add([]byte(`1`), "\xff\"\\\u2028", []byte{})
	f.Fuzz(func(t *testing.T, value []byte, text string, data []byte) {
		var tree any
		if json.Unmarshal(value, &tree) != nil {
			return
		}
		mixed := map[string]any{"tree": tree, text: text, "int": len(text), "struct": node{Any: tree, Data: nil}}
		for _, v := range []any{tree, text, mixed, []any{mixed, text}} {
			var want bytes.Buffer
			e := json.NewEncoder(&want)
			e.SetEscapeHTML(false)
			if err := e.Encode([]any{"e", v}); err != nil {
				t.Fatal(err)
			}
			if got := reencoded(t, v); len(got) != 1 || got[0] != "2"+strings.TrimSuffix(want.String(), "\n") {
				t.Fatalf("got %q, encoding/json has %q", got, &want)
			}
		}
		mixed["bytes"], mixed["struct"] = data, &node{Any: []any{data}, Data: append([]byte("+"), data...), Next: &node{Any: tree}}
		messages := reencoded(t, mixed)
		for i, want := range []string{string(data), string(data), "+" + string(data)} {
			if data == nil && i < 2 {
				return // null
			}
			if len(messages) != 4 || messages[i+1] != "binary:"+want {
				t.Fatalf("got %q, want %q as attachment %d", messages, want, i)
			}
		}
		var back any
		if err := decoded(t, messages...)[1].Decode(&back); err != nil {
			t.Fatalf("%q: %v", messages, err)
		}
	})
}
