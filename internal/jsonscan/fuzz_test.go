package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/jsonscan"
)

// FuzzArray holds the scanner against encoding/json: it takes the same arrays
// and cuts them at the same places.
func FuzzArray(f *testing.F) {
	for _, seed := range []string{
		`[]`, ` [ ] `, `["e"]`, `["e",{"a":[1,-2.5e+3,{"b":null}],"c":"d"},true,false]`, "[\t1 ,\n2\r]", `["\u00e4\n\"]"]`, `[[],{},[{}]]`,
		`[1,]`, `[,]`, `[01]`, `[1.]`, `[.5]`, `[1e]`, `[-]`, `["\x"]`, `["\u00g0"]`, "[\"\x00\"]", "[\"\xff\"]", `["a]`, `[{"a"}]`, `[{"a":1,}]`,
		`[nul]`, `[tru`, `[1]2`, `{"a":1}`, `"a"`, `1`, ``, `[`, `["`, `["\`, "[\x00]", `[{1:2}]`, `[1 2]`,
		strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999), strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat(`[{"a":`, 5_000) + "1" + strings.Repeat("}]", 5_000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []json.RawMessage
		err := json.Unmarshal(text, &want)
		isArray := err == nil && bytes.HasPrefix(bytes.TrimSpace(text), []byte("["))
		got, ok := jsonscan.Array(text, nil)
		if ok != isArray || ok != (isArray && json.Valid(text)) {
			t.Fatalf("%.100q: ok is %v, encoding/json has %v", text, ok, err)
		}
		if !ok {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%.100q: %d elements, encoding/json has %d", text, len(got), len(want))
		}
		for i := range got {
			if element := got[i].In(text); !bytes.Equal(element, want[i]) {
				t.Errorf("%.100q: element %d is %.100q, encoding/json has %.100q", text, i, element, want[i])
			}
		}
	})
}

// FuzzObject holds the scanner against encoding/json.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		"{}", ` {"a":[{}]} `, "[]", "{}1", `{"a":`,
		strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(text, &want) == nil && want != nil
		deep := depth(text) > 100
		if got := jsonscan.Object(text, 100); got != (isObject && !deep) {
			t.Fatalf("%.200q: %v, encoding/json has %v, deeper than 100: %v", text, got, isObject, deep)
		}
	})
}

// depth is how deep valid JSON is nested.
func depth(text []byte) (deepest int) {
	level, quoted, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}', c == ']':
			level--
		}
	}
	return deepest
}

// FuzzMembers holds the scanner against encoding/json, which has the last one of keys that come more than once.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` {"a" : [1, {"b":null}] , "c":"d"} `, `{"a":1,"a":2}`, `{"\u0061":1,"a":2}`, `{"":0}`, `[]`, `null`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`,
		`{"a":1}2`, `{a:1}`, `{"a`, "{\"\xff\":1}", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000),
		strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(text, &want) == nil && want != nil
		members, ok := jsonscan.Members(text, nil)
		if ok != isObject {
			t.Fatalf("%.100q: ok is %v, encoding/json has %v", text, ok, isObject)
		}
		if !ok {
			return
		}
		got := make(map[string]json.RawMessage, len(members))
		for _, m := range members {
			var key string
			if err := json.Unmarshal(m.Key.In(text), &key); err != nil {
				t.Fatalf("%.100q: key %.100q: %v", text, m.Key.In(text), err)
			}
			got[key] = m.Value.In(text)
		}
		if !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%.100q: got %.100q, encoding/json has %.100q", text, got, want)
		}
	})
}
