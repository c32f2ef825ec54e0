package engineio_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/engineio"
)

type packet = engineio.Packet

func txt(data string) packet { return packet{Type: '4', Data: data} }

func bin(data string) packet { return packet{Type: '4', Binary: true, Data: data} }

func TestPayloads(t *testing.T) {
	for _, test := range []struct {
		name           string
		protocol       int
		supportsBinary bool
		packets        []packet
		payload        string
		binary         bool
	}{
		{"v4 one", 4, true, []packet{txt("hello")}, "4hello", false},
		{"v4 several", 4, true, []packet{txt("test1"), {Type: '2'}, txt("test2")}, "4test1\x1e2\x1e4test2", false},
		{"v4 binary", 4, true, []packet{txt("€"), bin("\x01\x02\x03\x04")}, "4€\x1ebAQIDBA==", false},
		{"v4 empty messages", 4, true, []packet{txt(""), bin("")}, "4\x1eb", false},
		{"v3 one", 3, true, []packet{txt("hello")}, "6:4hello", false},
		{"v3 several", 3, true, []packet{txt("test1"), {Type: '3', Data: "probe"}}, "6:4test16:3probe", false},
		{"v3 counts UTF-16", 3, true, []packet{txt("€€€€"), txt("😀"), txt("a")}, "5:4€€€€3:4😀2:4a", false},
		{"v3 base64", 3, false, []packet{txt("a"), bin("\x01\x02\x03\x04")}, "2:4a10:b4AQIDBA==", false},
		{"v3 binary", 3, true, []packet{txt("€"), bin("\x01\x02\x03\x04")}, "\x00\x04\xff4€\x01\x05\xff\x04\x01\x02\x03\x04", true},
		{"v3 binary, long", 3, true, []packet{bin(strings.Repeat("x", 122))}, "\x01\x01\x02\x03\xff\x04" + strings.Repeat("x", 122), true},
	} {
		payload, binary := engineio.EncodePayload(test.protocol, test.packets, test.supportsBinary)
		if string(payload) != test.payload || binary != test.binary {
			t.Errorf("%s: encoded %q, binary %v, want %q", test.name, payload, binary, test.payload)
		}
		packets, err := engineio.DecodePayload(test.protocol, payload, binary)
		if err != nil || !reflect.DeepEqual(packets, test.packets) {
			t.Errorf("%s: decoded %v, %v", test.name, packets, err)
		}
	}
}

func TestInvalidPayloads(t *testing.T) {
	for _, test := range []struct {
		protocol int
		payload  string
		binary   bool
	}{
		{4, "", false},
		{4, "abc", false},
		{4, "7", false},
		{4, "4a\x1e", false},
		{4, "\x1e4a", false},
		{4, "4a\x1e\x1e4b", false},
		{4, "4a\x1eabc", false},
		{4, "b!!!", false},
		{4, "bAQIDBA", false},
		{4, "4\xff", false}, // no UTF-8
		{4, "4\xed\xa0\x80", false},
		{3, "", false},
		{3, ":", false},
		{3, "4hello", false},
		{3, "a:4hello", false},
		{3, "-1:4hello", false},
		{3, "7:4hello", false},
		{3, "6:4hello6", false},
		{3, "2:4😀", false}, // ends inside a character
		{3, "6:9hello", false},
		{3, "4:b4!!", false},
		{3, "1:b", false},
		{3, "99999999999999999999:4", false},
		{3, "4294967296:4", false},
		{3, "2:4\xff", false},
		{3, "", true},
		{3, "\x02\x01\xff4", true},
		{3, "\x00\x01", true},
		{3, "\x00\xff4", true},
		{3, "\x00\x02\xff4", true},
		{3, "\x00\x0a\xff4", true},
		{3, "\x01\x01\xff\x07", true},
		{3, "\x01\x00\xff", true},
		{3, "\x00\x02\xff4\xff", true},
		{3, "\x00" + strings.Repeat("\x09", 20) + "\xff4", true},
		{3, "\x01\x04\x02\x09\x04\x09\x06\x07\x02\x09\x06\xff\x04", true}, // 2³²
		{3, "\x01\x02\x01\x04\x07\x04\x08\x03\x06\x04\x09\xff\x04", true}, // over 2³¹
	} {
		if packets, err := engineio.DecodePayload(test.protocol, []byte(test.payload), test.binary); err == nil {
			t.Errorf("version %d %q: decoded to %v", test.protocol, test.payload, packets)
		} else if err != nil && packets != nil {
			t.Errorf("version %d %q: packets with an error", test.protocol, test.payload)
		}
	}
}

func TestFrames(t *testing.T) {
	for _, test := range []struct {
		protocol int
		binary   bool
		data     string
		want     packet
		ok       bool
	}{
		{4, false, "4hello", txt("hello"), true},
		{4, false, "4", txt(""), true},
		{4, false, "3probe", packet{Type: '3', Data: "probe"}, true},
		{4, false, "bNAQ=", bin("\x34\x04"), true},
		{4, false, "b4AQ=", bin("\xe0\x04"), true}, // version 4 has no type behind b
		{4, true, "\x01\x02", bin("\x01\x02"), true},
		{4, true, "", bin(""), true},
		{4, false, "", packet{}, false},
		{4, false, "7", packet{}, false},
		{4, false, "b!", packet{}, false},
		{3, false, "4hello", txt("hello"), true},
		{3, false, "b4AQI=", bin("\x01\x02"), true},
		{3, true, "\x04\x01\x02", bin("\x01\x02"), true},
		{3, true, "\x04", bin(""), true},
		{3, false, "", packet{}, false},
		{3, false, "b", packet{}, false},
		{3, true, "", packet{}, false},
		{3, true, "\x07", packet{}, false},
		{3, true, "4", packet{}, false},
	} {
		got, err := engineio.DecodeFrame(test.protocol, test.binary, []byte(test.data))
		if (err == nil) != test.ok || test.ok && got != test.want {
			t.Errorf("version %d, binary %v, %q: %v, %v", test.protocol, test.binary, test.data, got, err)
		}
	}
}

func TestJSONPForms(t *testing.T) {
	if got := string(engineio.WrapJSONP("3", []byte("4\"a\\b\n</script>\u2028\u2029€"))); got !=
		`___eio[3]("4\"a\\b\n\u003c/script\u003e\u2028\u2029€");` {
		t.Errorf("wrapped %s", got)
	}
	for form, want := range map[string]string{
		"d=4hello":          "4hello",
		"d=4a%1E4b":         "4a\x1e4b",
		"d=4a%5Cnb":         "4a\nb",    // \n
		"d=4a%5C%5Cnb":      "4a\\nb",   // \\n
		"d=4a%5C%5C%5Cnb":   "4a\\\\nb", // \\\n
		"x=1&d=4%E2%82%AC+": "4€ ",
	} {
		if got, err := engineio.UnwrapJSONP([]byte(form)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", form, got, err, want)
		}
	}
	for _, form := range []string{"", "4hello", "d=%zz"} {
		if got, err := engineio.UnwrapJSONP([]byte(form)); err == nil {
			t.Errorf("%q: unwrapped to %q", form, got)
		}
	}
}

// fuzzPayload holds that what decodes encodes again to what decodes to the
// same.
func fuzzPayload(f *testing.F, protocol int, binary bool, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		packets, err := engineio.DecodePayload(protocol, bytes.Clone(body), binary)
		if err != nil || len(packets) == 0 { // version 3 allows entries of no length
			return
		}
		for _, p := range packets {
			if !p.Binary && !utf8.ValidString(p.Data) {
				t.Fatalf("text %q is no UTF-8", p.Data)
			}
			if protocol == 4 && !p.Binary && strings.Contains(p.Data, "\x1e") {
				t.Fatalf("separator in %q", p.Data)
			}
		}
		encoded, encodedBinary := engineio.EncodePayload(protocol, packets, binary)
		again, err := engineio.DecodePayload(protocol, encoded, encodedBinary)
		if err != nil || !slices.Equal(again, packets) {
			t.Fatalf("%q: %v, encoded to %q, decoded to %v, %v", body, packets, encoded, again, err)
		}
	})
}

func FuzzDecodePayloadV4(f *testing.F) {
	fuzzPayload(f, 4, false, "4hello", "4a\x1e2\x1e4b", "4€\x1ebAQIDBA==", "1", "b", "\x1e")
}

func FuzzDecodePayloadV3(f *testing.F) {
	fuzzPayload(f, 3, false, "6:4hello", "5:4€€€€3:4😀", "10:b4AQIDBA==", "0:", "1:1")
}

func FuzzDecodePayloadBinaryV3(f *testing.F) {
	fuzzPayload(f, 3, true, "\x00\x04\xff4€\x01\x05\xff\x04\x01\x02\x03\x04", "\x01\x01\xff\x04", "\x00\x01\xff2")
}

func FuzzDecodePacket(f *testing.F) {
	for _, seed := range []string{"4hello", "2probe", "b4AQI=", "bAQI=", "\x04\x01", "", "b"} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		for _, protocol := range []int{3, 4} {
			p, err := engineio.DecodeFrame(protocol, binary, bytes.Clone(data))
			if err != nil {
				continue
			}
			if p.Type < '0' || p.Type > '6' || len(p.Data) > len(data) {
				t.Fatalf("version %d %q: %v", protocol, data, p)
			}
		}
	})
}
