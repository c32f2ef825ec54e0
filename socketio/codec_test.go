package socketio_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

func id(n uint64) *uint64 { return &n }

// wire shows encoded messages, the binary ones behind a marker.
func wire(encoded socketio.Encoded) []string {
	var texts []string
	for _, m := range encoded {
		text := string(m.Data())
		if m.Binary() {
			text = "binary:" + text
		}
		texts = append(texts, text)
	}
	return texts
}

// feed gives messages to a decoder; those that begin with "binary:" are.
func feed(d socketio.Decoder, messages ...string) (p socketio.Received, ok bool, err error) {
	for _, m := range messages {
		data, binary := strings.CutPrefix(m, "binary:")
		if p, ok, err = d.Add(binary, []byte(data)); err != nil {
			return p, ok, err
		}
	}
	return p, ok, nil
}

func TestEncode(t *testing.T) {
	type file struct {
		Name string          `json:"name"`
		Data socketio.Binary `json:"data"`
	}
	event := func(args ...any) socketio.Packet {
		return socketio.Packet{Type: socketio.PacketEvent, Namespace: "/", Event: "e", Args: args}
	}
	tests := []struct {
		name   string
		packet socketio.Packet
		want   []string
	}{
		{"connect", socketio.Packet{Type: socketio.PacketConnect, Namespace: "/"}, []string{`0`}},
		{"connect with data", socketio.Packet{Type: socketio.PacketConnect, Namespace: "/a", Data: map[string]int{"n": 1}}, []string{`0/a,{"n":1}`}},
		{"disconnect", socketio.Packet{Type: socketio.PacketDisconnect, Namespace: "/a"}, []string{`1/a,`}},
		{"event", event(1, "x", nil, true), []string{`2["e",1,"x",null,true]`}},
		{"event in a namespace with an id", socketio.Packet{Type: socketio.PacketEvent, Namespace: "/a", AckID: id(12), Event: "e"}, []string{`2/a,12["e"]`}},
		{"huge id", socketio.Packet{Type: socketio.PacketEvent, AckID: id(math.MaxUint64), Event: "e"}, []string{`218446744073709551615["e"]`}},
		{"ack", socketio.Packet{Type: socketio.PacketAck, Namespace: "/", AckID: id(0), Args: []any{"a", 2}}, []string{`30["a",2]`}},
		{"empty ack", socketio.Packet{Type: socketio.PacketAck, AckID: id(7)}, []string{`37[]`}},
		{"connect error", socketio.Packet{Type: socketio.PacketConnectError, Namespace: "/a", Data: &socketio.ConnectError{Message: "no", Data: 1}}, []string{`4/a,{"message":"no","data":1}`}},
		{"connect error of version 2", socketio.Packet{Type: socketio.PacketConnectError, Namespace: "/", Data: "no"}, []string{`4"no"`}},
		{"HTML is left alone", event("<a href='x'>&</a>"), []string{`2["e","<a href='x'>&</a>"]`}},
		{"name is escaped", socketio.Packet{Type: socketio.PacketEvent, Event: "a\"b\n"}, []string{`2["a\"b\n"]`}},
		{"bytes", event([]byte("\x00\x01")), []string{`51-["e",{"_placeholder":true,"num":0}]`, "binary:\x00\x01"}},
		{"empty bytes", event([]byte{}), []string{`51-["e",{"_placeholder":true,"num":0}]`, "binary:"}},
		{"nested", event(file{"a", socketio.Binary("1")}, []any{socketio.Binary("2")}), []string{
			`52-["e",{"name":"a","data":{"_placeholder":true,"num":0}},[{"_placeholder":true,"num":1}]]`, "binary:1", "binary:2"}},
		{"binary ack", socketio.Packet{Type: socketio.PacketAck, Namespace: "/a", AckID: id(3), Args: []any{socketio.Binary("x")}}, []string{
			`61-/a,3[{"_placeholder":true,"num":0}]`, "binary:x"}},
		{"ten attachments", event(many(10)...), append([]string{
			`510-["e"` + placeholders(10) + `]`}, binaries(10)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			encoded, err := socketio.JSON{}.Encode(&tt.packet)
			if err != nil {
				t.Fatal(err)
			}
			if got := wire(encoded); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func many(n int) []any {
	args := make([]any, n)
	for i := range args {
		args[i] = socketio.Binary{byte('a' + i)}
	}
	return args
}

func placeholders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"_placeholder":true,"num":%d}`, i)
	}
	return b.String()
}

func binaries(n int) []string {
	var list []string
	for i := range n {
		list = append(list, "binary:"+string(rune('a'+i)))
	}
	return list
}

func TestEncodeRefuses(t *testing.T) {
	for name, args := range map[string][]any{
		"eleven attachments":        many(11),
		"eleven nested attachments": {map[string]any{"list": many(11)}},
		"a channel":                 {make(chan int)},
		"no number":                 {math.NaN()},
	} {
		if _, err := (socketio.JSON{}).Encode(&socketio.Packet{Type: socketio.PacketEvent, Event: "e", Args: args}); err == nil {
			t.Errorf("%s was encoded", name)
		}
		encoded, err := socketio.JSON{}.Encode(&socketio.Packet{Type: socketio.PacketEvent, Event: "next", Args: []any{1}})
		if err != nil || wire(encoded)[0] != `2["next",1]` {
			t.Errorf("after %s: %q, %v", name, wire(encoded), err)
		}
	}
}

func TestDecode(t *testing.T) {
	tests := []struct {
		name     string
		messages []string
		kind     socketio.PacketType
		nsp      string
		id       *uint64
		body     string // JSON that the body decodes to; "" for none
	}{
		{"connect", []string{`0`}, socketio.PacketConnect, "/", nil, ""},
		{"connect with auth", []string{`0/a,{"token":"t"}`}, socketio.PacketConnect, "/a", nil, `{"token":"t"}`},
		{"namespace with query", []string{`0/a?token=t&x=1,`}, socketio.PacketConnect, "/a?token=t&x=1", nil, ""},
		{"namespace without comma", []string{`0/a`}, socketio.PacketConnect, "/a", nil, ""},
		{"disconnect", []string{`1/a,`}, socketio.PacketDisconnect, "/a", nil, ""},
		{"event", []string{`2["e",1]`}, socketio.PacketEvent, "/", nil, `["e",1]`},
		{"event with id", []string{`2/a,12["e"]`}, socketio.PacketEvent, "/a", id(12), `["e"]`},
		{"largest id", []string{`218446744073709551615["e"]`}, socketio.PacketEvent, "/", id(math.MaxUint64), `["e"]`},
		{"ack", []string{`30["x"]`}, socketio.PacketAck, "/", id(0), `["x"]`},
		{"ack without id", []string{`3[]`}, socketio.PacketAck, "/", nil, `[]`},
		{"connect error", []string{`4{"message":"no"}`}, socketio.PacketConnectError, "/", nil, `{"message":"no"}`},
		{"binary event", []string{`51-/a,1["e",{"_placeholder":true,"num":0}]`, "binary:hi"}, socketio.PacketEvent, "/a", id(1), `["e","hi"]`},
		{"binary ack", []string{`61-4[{"_placeholder":true,"num":0}]`, "binary:hi"}, socketio.PacketAck, "/", id(4), `["hi"]`},
		{"attachments in another order", []string{`52-["e",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`, "binary:a", "binary:b"}, socketio.PacketEvent, "/", nil, `["e","b","a"]`},
		{"one attachment twice", []string{`51-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, "binary:a"}, socketio.PacketEvent, "/", nil, `["e","a","a"]`},
		{"binary type without attachments", []string{`50-["e"]`}, socketio.PacketEvent, "/", nil, `["e"]`},
		{"spaces", []string{"2[ \"e\" , [ 1 ] ]"}, socketio.PacketEvent, "/", nil, `["e",[1]]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, ok, err := feed(socketio.JSON{}.NewDecoder(), tt.messages...)
			if err != nil || !ok {
				t.Fatalf("ok %v, error %v", ok, err)
			}
			if p.Type != tt.kind || p.Namespace != tt.nsp || !reflect.DeepEqual(p.AckID, tt.id) {
				t.Errorf("got type %d, namespace %q, id %v", p.Type, p.Namespace, p.AckID)
			}
			if body := shown(t, p.Body); body != tt.body {
				t.Errorf("got body %s, want %s", body, tt.body)
			}
		})
	}
}

// shown writes a value as JSON, attachments as strings.
func shown(t *testing.T, v socketio.Value) string {
	if v == nil {
		return ""
	}
	var tree any
	if err := v.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(readable(tree))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readable(tree any) any {
	switch node := tree.(type) {
	case socketio.Binary:
		return string(node)
	case []any:
		for i := range node {
			node[i] = readable(node[i])
		}
	case map[string]any:
		for key := range node {
			node[key] = readable(node[key])
		}
	}
	return tree
}

func TestDecodeRefuses(t *testing.T) {
	for name, messages := range map[string][]string{
		"nothing":                   {``},
		"unknown type":              {`7`},
		"letters":                   {`x`},
		"event without body":        {`2`},
		"event that is an object":   {`2{"a":1}`},
		"event that is a string":    {`2"a"`},
		"ack without body":          {`31`},
		"disconnect with body":      {`1{"a":1}`},
		"connect with an array":     {`0[]`},
		"connect with a number":     {`0123`},
		"connect with null":         {`0null`},
		"huge id":                   {`218446744073709551616["e"]`},
		"negative id":               {`2-1["e"]`},
		"fractional id":             {`21.5["e"]`},
		"attachments missing":       {`5["e"]`},
		"attachments empty":         {`5-["e"]`},
		"attachments negative":      {`5-1-["e"]`},
		"attachments with a plus":   {`5+1-["e"]`},
		"attachments fractional":    {`51.5-["e"]`},
		"attachments with a letter": {`51a-["e"]`},
		"eleven attachments":        {`511-["e"]`},
		"a billion attachments":     {`51000000000-["e"]`},
		"attachment without packet": {`binary:x`},
		"attachment too many":       {`51-["e",{"_placeholder":true,"num":0}]`, `binary:x`, `binary:y`},
		"text for an attachment":    {`51-["e",{"_placeholder":true,"num":0}]`, `2["e"]`},
	} {
		if p, ok, err := feed(socketio.JSON{}.NewDecoder(), messages...); !errors.Is(err, socketio.ErrMalformed) {
			t.Errorf("%s: got %+v, %v, error %v", name, p, ok, err)
		}
	}
}

// A body is read where it is handled, not where it is received.
func TestElementsRefuse(t *testing.T) {
	for name, text := range map[string]string{
		"open array":       `2["e"`,
		"trailing comma":   `2["e",]`,
		"missing element":  `2["e",,1]`,
		"trailing garbage": `2["e"]x`,
		"second value":     `2["e"]["f"]`,
		"bad escape":       `2["\x"]`,
		"bare word":        `2[e]`,
		"too deep":         `2["e",` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `]`,
	} {
		p, ok, err := feed(socketio.JSON{}.NewDecoder(), text)
		if err != nil || !ok {
			t.Fatalf("%s: ok %v, error %v", name, ok, err)
		}
		if elements, err := p.Body.Elements(); !errors.Is(err, socketio.ErrMalformed) {
			t.Errorf("%s: %d elements, error %v", name, len(elements), err)
		}
	}
}

// The text of a message is the connection's; it must not be kept.
func TestDecoderCopies(t *testing.T) {
	d := socketio.JSON{}.NewDecoder()
	text, attachment := []byte(`51-["e",{"_placeholder":true,"num":0}]`), []byte("data")
	if _, _, err := d.Add(false, text); err != nil {
		t.Fatal(err)
	}
	clear(text)
	p, ok, err := d.Add(true, attachment)
	clear(attachment)
	if err != nil || !ok || shown(t, p.Body) != `["e","data"]` {
		t.Fatalf("%v %v %s", ok, err, shown(t, p.Body))
	}
	encoded, err := socketio.JSON{}.Encode(&socketio.Packet{Type: socketio.PacketEvent, Event: "e", Args: []any{text}})
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(encoded[1].Data())
	text[0] = 'x'
	if !bytes.Equal(encoded[1].Data(), want) {
		t.Error("an encoded packet shares memory with its arguments")
	}
}
