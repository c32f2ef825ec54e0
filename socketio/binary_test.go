package socketio_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

type (
	blob   []byte
	octet  uint8
	octets []octet
	hidden struct {
		Inner []byte `json:"inner"`
	}
	Shown struct{ Outer []byte }
	leaf  struct {
		Next *leaf  `json:"next,omitempty"`
		Data []byte `json:"data"`
	}
	tree struct {
		hidden
		*Shown
		Name     string            `json:"name"`
		Skipped  []byte            `json:"-"`
		unseen   []byte            //nolint:unused // is not encoded
		Empty    []byte            `json:"empty,omitempty"`
		Pointer  *[]byte           `json:"pointer"`
		Named    blob              `json:"named"`
		Octets   octets            `json:"octets"`
		List     [][]byte          `json:"list"`
		Array    [2][]byte         `json:"array"`
		Map      map[int]blob      `json:"map"`
		Any      any               `json:"any"`
		Digits   [3]byte           `json:"digits"`
		Raw      json.RawMessage   `json:"raw"`
		Address  net.IP            `json:"address"`
		Own      own               `json:"own"`
		Stringer interface{ F() }  `json:"stringer"`
		Leaf     *leaf             `json:"leaf"`
		Binaries []socketio.Binary `json:"binaries"`
		When     time.Time         `json:"when"`
	}
	own struct{ Data []byte }
	fer struct{ Data []byte }
)

func (own) MarshalJSON() ([]byte, error) { return []byte(`"its own"`), nil }
func (fer) F()                           {}

// A []byte travels as an attachment wherever it stands, as Node's Buffers do, and
// everything else as encoding/json has it.
func TestBytesInsideValues(t *testing.T) {
	data := []byte("pointed at")
	value := tree{
		hidden: hidden{[]byte("embedded")}, Shown: &Shown{[]byte("embedded by a pointer")}, Name: "<&>",
		Skipped: []byte("x"), unseen: []byte("x"), Empty: []byte{}, Pointer: &data, Named: blob("named"), Octets: octets{'o', 'k'},
		List: [][]byte{[]byte("l0"), nil, {}}, Array: [2][]byte{[]byte("a0"), nil}, Map: map[int]blob{7: blob("seven")},
		Any: map[string]any{"deep": []any{[]byte("in an any"), blob("named in an any"), 1}}, Digits: [3]byte{1, 2, 3},
		Raw: json.RawMessage(`{"r":"aGk="}`), Address: net.IPv4(127, 0, 0, 1), Own: own{[]byte("x")}, Stringer: &fer{[]byte("behind methods")},
		Leaf: &leaf{Next: &leaf{Data: []byte("second leaf")}, Data: []byte("first leaf")},
	}
	// At most ten go into a packet: the value is sent in two halves.
	rest := value
	value.List, value.Array, value.Map, value.Any, value.Stringer, value.Leaf = nil, [2][]byte{}, nil, nil, nil, nil
	rest.hidden, rest.Shown, rest.Pointer, rest.Named, rest.Octets = hidden{}, nil, nil, nil, nil
	checkBytes(t, value, 5)
	checkBytes(t, &value, 5)
	for _, v := range []any{rest, &rest, map[string]any{"v": rest}, []*tree{&rest}} {
		checkBytes(t, v, 9)
	}
}

// checkBytes sends a value and puts what arrives together again, with base64 in
// place of attachments: that is what encoding/json makes of the value.
func checkBytes(t *testing.T, v any, attachments int) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	messages := reencoded(t, v)
	if n := len(messages) - 1; n != attachments || strings.Count(messages[0], "_placeholder") != n {
		t.Errorf("%d attachments, want %d: %q", n, attachments, messages)
	}
	var back any
	if err := decoded(t, messages...)[1].Decode(&back); err != nil {
		t.Fatal(err)
	}
	var wanted any
	if err := json.Unmarshal(want, &wanted); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(textual(back))
	if err != nil {
		t.Fatal(err)
	}
	want, err = json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%T arrived as\n%s, encoding/json has\n%s", v, got, want)
	}
}

// textual makes base64 of attachments.
func textual(v any) any {
	switch v := v.(type) {
	case socketio.Binary:
		return []byte(v)
	case []any:
		for i := range v {
			v[i] = textual(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = textual(v[key])
		}
	}
	return v
}

func TestEmittedValuesStayAsTheyAre(t *testing.T) {
	inner := map[string]any{"b": []byte("hi"), "n": 1}
	value := map[string]any{"list": []any{inner, []byte("ho")}, "leaf": &leaf{Data: []byte("leaf")}}
	first := reencoded(t, value)
	if len(first) != 4 {
		t.Errorf("got %q", first)
	}
	want := map[string]any{"list": []any{map[string]any{"b": []byte("hi"), "n": 1}, []byte("ho")}, "leaf": &leaf{Data: []byte("leaf")}}
	if !reflect.DeepEqual(value, want) {
		t.Errorf("emitting made %v of %v", value, want)
	}
}

func TestOddBytes(t *testing.T) {
	type empty struct {
		A []byte `json:"a,omitempty"`
		B []byte `json:"b,omitzero"`
		C []byte `json:"c"`
	}
	var none *leaf
	var cyclic leaf
	cyclic.Next = &cyclic
	loop := map[string]any{}
	loop["loop"] = loop
	ring := []any{nil}
	ring[0] = ring
	for name, tt := range map[string]struct {
		value any
		want  string // of the text; "" for an error
	}{
		"empty":        {empty{A: []byte{}, B: []byte{}, C: []byte{}}, `52-["e",{"b":{"_placeholder":true,"num":0},"c":{"_placeholder":true,"num":1}}]`},
		"nil":          {empty{}, `2["e",{"c":null}]`},
		"nil pointer":  {none, `2["e",null]`},
		"nil map":      {map[string]any(nil), `2["e",null]`},
		"nil in a map": {map[string]any{"a": []byte(nil), "b": []any(nil), "c": []byte("x")}, `51-["e",{"a":null,"b":null,"c":{"_placeholder":true,"num":0}}]`},
		"keys":         {map[string][]byte{"<": []byte("x")}, `51-["e",{"<":{"_placeholder":true,"num":0}}]`},
		"big":          {map[string]any{"n": big.NewInt(5), "b": []byte("x")}, `51-["e",{"b":{"_placeholder":true,"num":0},"n":5}]`},
		"cyclic":       {&cyclic, ""},
		"a map loop":   {loop, ""},
		"a slice loop": {ring, ""},
		"a channel":    {map[string]any{"b": []byte("x"), "c": make(chan int)}, ""},
		"eleven":       {make11(), ""},
		"lookalike":    {map[string]any{"b": "socketio", "c": []byte("\"")}, `51-["e",{"b":"socketio","c":{"_placeholder":true,"num":0}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := socketio.JSON{}.Encode(&socketio.Packet{Type: socketio.PacketEvent, Event: "e", Args: []any{tt.value}})
			switch {
			case err != nil && tt.want != "":
				t.Error(err)
			case err == nil && wire(encoded)[0] != tt.want:
				t.Errorf("got  %q\nwant %q", wire(encoded), tt.want)
			}
		})
	}
}

func make11() (list [][]byte) {
	for range 11 {
		list = append(list, []byte("x"))
	}
	return list
}

// A Connect and its refusal cannot have attachments: bytes are base64 there.
func TestBytesInARefusal(t *testing.T) {
	for _, data := range []any{map[string]any{"b": []byte("hi")}, map[string]any{"b": socketio.Binary("hi")}} {
		p := &socketio.Packet{Type: socketio.PacketConnectError, Namespace: "/", Data: &socketio.ConnectError{Message: "no", Data: data}}
		encoded, err := socketio.JSON{}.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := wire(encoded); len(got) != 1 || got[0] != `4{"message":"no","data":{"b":"aGk="}}` {
			t.Errorf("got %q", got)
		}
	}
}

// What was received with attachments goes into the anys of any type as Binary.
func TestAttachmentsInAnys(t *testing.T) {
	type part struct {
		Name string `json:"name"`
		Any  any    `json:"any"`
		Data []byte `json:"data"`
	}
	type whole struct {
		part
		Shown
		Parts  []part                    `json:"parts"`
		Map    map[string]any            `json:"map"`
		Nested map[string]map[string]any `json:"nested"`
		More   *part                     `json:"more"`
		Folded any
		Count  any `json:"count"`
	}
	const b = `{"_placeholder":true,"num":0}`
	text := `{"any":` + b + `,"data":` + b + `,"parts":[{"any":{"x":[` + b + `,1.5]}},{"any":"text"}],"map":{"m":` + b + `,"n":1},` +
		`"nested":{"a":{"b":` + b + `}},"more":{"name":"more","any":` + b + `},"folded":` + b + `,"count":12,"Outer":` + b + `}`
	var got whole
	if err := decoded(t, `51-["e",`+text+`]`, "binary:x")[1].Decode(&got); err != nil {
		t.Fatal(err)
	}
	x := socketio.Binary("x")
	want := whole{
		part: part{Any: x, Data: []byte("x")}, Shown: Shown{[]byte("x")}, Parts: []part{{Any: map[string]any{"x": []any{x, 1.5}}}, {Any: "text"}},
		Map: map[string]any{"m": x, "n": 1.0}, Nested: map[string]map[string]any{"a": {"b": x}}, More: &part{Name: "more", Any: x},
		Folded: x, Count: 12.0,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	list := []map[string]any{}
	if err := decoded(t, `51-["e",[{"a":`+b+`},{"b":2}]]`, "binary:x")[1].Decode(&list); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(list, []map[string]any{{"a": x}, {"b": 2.0}}) {
		t.Errorf("got %#v", list)
	}
	// Where there was a pointer the value goes behind it.
	p := &part{}
	box := struct{ In any }{p}
	if err := decoded(t, `51-["e",{"In":{"any":`+b+`}}]`, "binary:x")[1].Decode(&box); err != nil || !reflect.DeepEqual(p.Any, x) {
		t.Errorf("got %+v, %v", p, err)
	}
	var unfit *json.InvalidUnmarshalError
	if err := decoded(t, `51-["e",`+b+`]`, "binary:x")[1].Decode(nil); !errors.As(err, &unfit) {
		t.Errorf("error %v", err)
	}
}
