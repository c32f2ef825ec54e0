package gateway_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

// payloadOf is what the payload of a frame has, by encoding/json: of members that come again the last one.
func payloadOf(frame []byte) (payload map[string]json.RawMessage) {
	if json.Unmarshal(frame, &payload) != nil || payload == nil {
		return nil
	}
	delete(payload, "type")
	delete(payload, "ref")
	for _, name := range []string{"messageType", "roomType"} {
		if value, ok := payload[name]; ok {
			delete(payload, name)
			payload["type"] = value
		}
	}
	return payload
}

// FuzzFrame holds the payload of a frame against encoding/json.
func FuzzFrame(f *testing.F) {
	for _, seed := range append(nativeSeeds,
		`{"type":"sync","conversations":{"x":1},"conversations":{"y":2}}`, `{"content":"x","content":null,"type":"a","type":"b"}`,
		`{"roomType":1,"messageType":2}`, `{"messageType":1,"roomType":2,"messageType":3}`, `{"messageT\u0079pe":1,"\u0074ype":"x"}`,
		`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"a":1,"b":2}`,
	) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		want := payloadOf(frame)
		var got map[string]json.RawMessage
		ok, err := gateway.DecodeFrame(frame, &got)
		if ok != (want != nil) || err != nil {
			t.Fatalf("%.100q: ok is %v, %v; encoding/json has %.100q", frame, ok, err, want)
		}
		if !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%.100q: got %.100q, encoding/json has %.100q", frame, got, want)
		}
	})
}

// What a frame costs grows with its length: with its square, these would take an hour.
func TestManyMembers(t *testing.T) {
	const most = 1 << 20
	for _, member := range []string{`,"messageType":0`, `,"\u0061":0`, `,"roomType":0`, `,"\u0072ef":0`, `,"messageType":0,"\u0061":0`} {
		frame := `{"type":"message:send"` + strings.Repeat(member, (most-100)/len(member)) + `}`
		var payload struct{ Type, A int }
		if ok, err := gateway.DecodeFrame([]byte(frame), &payload); !ok || err != nil {
			t.Errorf("%s: %v, %v", member, ok, err)
		}
		if text := gateway.WriteFrame("notification", json.RawMessage(frame)); !json.Valid(text) {
			t.Errorf("%s: wrote %.100s", member, text)
		}
	}
}
