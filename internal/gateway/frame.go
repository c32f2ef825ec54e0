package gateway

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/sockeye-im/sockeye/internal/jsonscan"
	"github.com/sockeye-im/sockeye/internal/netloop"
)

// frame is a request of a native connection: a JSON object, of which a member may come
// more than once; the last one counts. All it takes grows with its length alone.
type frame struct {
	Type    string          // "" for what is no string
	Ref     json.RawMessage // nil without one
	members []member        // each once
}

// member is one of an object: its key as it came, what that is called, and its value.
type member struct{ key, name, value []byte }

// parseFrame keeps text; ok is false for what is no JSON object.
func parseFrame(text []byte) (f *frame, ok bool) {
	found, ok := jsonscan.Members(text, make([]jsonscan.Member, 0, 8))
	if !ok {
		return nil, false
	}
	members := make([]member, len(found))
	for i := range found {
		key := found[i].Key.In(text)
		members[i] = member{key: key, name: nameOf(key), value: found[i].Value.In(text)}
	}
	f = &frame{members: lastOfEach(members)}
	f.Type, f.Ref = f.string("type"), f.field("ref")
	return f, true
}

// nameOf is a key without its quotes and escapes.
func nameOf(key []byte) []byte {
	if bytes.IndexByte(key, '\\') < 0 {
		return key[1 : len(key)-1]
	}
	var name string
	_ = json.Unmarshal(key, &name) // a key is a string
	return []byte(name)
}

// fewMembers is how many are compared with each other rather than put into a map.
const fewMembers = 16

// lastOfEach drops members that come again.
func lastOfEach(members []member) []member {
	if len(members) <= fewMembers {
		for i := len(members) - 2; i >= 0; i-- {
			again := func(m member) bool { return bytes.Equal(m.name, members[i].name) }
			if slices.ContainsFunc(members[i+1:], again) {
				members = slices.Delete(members, i, i+1)
			}
		}
		return members
	}
	last := make(map[string]int, len(members))
	for i := range members {
		last[string(members[i].name)] = i
	}
	kept := members[:0]
	for i := range members {
		if last[string(members[i].name)] == i {
			kept = append(kept, members[i])
		}
	}
	return kept
}

// field is the value of a member as it came, nil for none.
func (f *frame) field(name string) json.RawMessage {
	for i := range f.members {
		if string(f.members[i].name) == name {
			return f.members[i].value
		}
	}
	return nil
}

// string is a member that is a string, "" for any other.
func (f *frame) string(name string) (s string) {
	value := f.field(name)
	if len(value) > 1 && value[0] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1])
	}
	_ = json.Unmarshal(value, &s)
	return s
}

// decode reads the frame as a payload: all members but type and ref. What a
// payload calls type travels as messageType or roomType beside the frame's own.
func (f *frame) decode(dst any) error {
	size := len(`{"type":}`)
	for i := range f.members {
		size += len(f.members[i].key) + len(f.members[i].value) + len(`:,`)
	}
	payload := append(make([]byte, 0, size), '{')
	own := f.field("roomType")
	if own == nil {
		own = f.field("messageType")
	}
	for i := range f.members {
		switch m := &f.members[i]; string(m.name) {
		case "type", "ref", "roomType", "messageType":
		default:
			payload = appendMember(payload, m.key, m.value)
		}
	}
	if own != nil {
		payload = appendMember(payload, []byte(`"type"`), own)
	}
	return json.Unmarshal(append(payload, '}'), dst)
}

func appendMember(object, key, value []byte) []byte {
	if len(object) > 1 {
		object = append(object, ',')
	}
	return append(append(append(object, key...), ':'), value...)
}

// write frames a payload, flat beside its type, which is a name of the protocol's. What
// is no object travels as items, and a payload's own type and ref as messageType and
// messageRef. The ref is written as it came.
func write(kind string, ref json.RawMessage, payload any) any {
	text, err := json.Marshal(payload)
	if err != nil {
		return nil // the payloads are ours, and all can be written
	}
	out := make([]byte, 0, len(`{"type":"","messageType":,"ref":}`)+len(kind)+len(text)+len(ref))
	out = append(append(append(out, `{"type":"`...), kind...), '"')
	if text[0] == '{' {
		out = appendPayload(out, text)
	} else {
		out = appendMember(out, []byte(`"items"`), text)
	}
	if len(ref) > 0 {
		out = appendMember(out, []byte(`"ref"`), ref)
	}
	return netloop.NewMessage(netloop.Text, true, append(out, '}'))
}

// appendPayload appends the members of an object to another that has a type, and may get
// a ref.
func appendPayload(out, object []byte) []byte {
	var few [24]jsonscan.Member
	members, _ := jsonscan.Members(object, few[:0])
	var hasType, hasRef bool
	for _, m := range members {
		name := nameOf(m.Key.In(object))
		hasType, hasRef = hasType || string(name) == "type", hasRef || string(name) == "ref"
	}
	for _, m := range members {
		key := m.Key.In(object)
		switch name := nameOf(key); {
		case string(name) == "type":
			key = []byte(`"messageType"`)
		case string(name) == "ref":
			key = []byte(`"messageRef"`)
		case hasType && string(name) == "messageType", hasRef && string(name) == "messageRef":
			continue
		}
		out = appendMember(out, key, m.Value.In(object))
	}
	return out
}
