package openapi_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-im/sockeye/internal/httpapi/openapi"
	"github.com/sockeye-im/sockeye/internal/shape"
)

type level string

type node struct {
	ID    string   `json:"id" doc:"Names it."`
	Next  *node    `json:"next"`
	Note  *string  `json:"note"`
	Else  *string  `json:"else,omitempty"`
	Tags  []string `json:"tags,omitzero"`
	inner string
}

type shared struct {
	OK bool `json:"ok"`
}

type whole struct {
	shared
	At    time.Time      `json:"at"`
	Level level          `json:"level"`
	Nodes map[string]int `json:"nodes"`
	Root  node           `json:"root"`
	Any   any            `json:"any"`
	Bare  struct {
		N int64 `json:"n"`
	} `json:"bare"`
	Hidden string `json:"-"`
	Plain  string
}

func TestSchemasFollowEncodingJSON(t *testing.T) {
	schemas := openapi.Schemas{
		Known: func(t reflect.Type) (openapi.Schema, bool) {
			switch t {
			case reflect.TypeFor[time.Time]():
				return openapi.Schema{Type: "string", Format: "date-time"}, true
			case reflect.TypeFor[level]():
				return openapi.Schema{Type: "string", Enum: []string{"low", "high"}}, true
			}
			return openapi.Schema{}, false
		},
		Describe: func(f shape.Field) string { return f.Doc },
	}
	of := reflect.TypeFor[whole]()
	got, err := json.Marshal(map[string]any{"whole": schemas.Object(shape.Fields(of)), "named": schemas.Named})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
		"named": {"Node": {"type": "object", "required": ["id", "next", "note"], "properties": {
			"id": {"type": "string", "description": "Names it."},
			"next": {"anyOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]},
			"note": {"type": ["string", "null"]},
			"else": {"type": "string"},
			"tags": {"type": "array", "items": {"type": "string"}}
		}}},
		"whole": {"type": "object", "required": ["ok", "at", "level", "nodes", "root", "any", "bare"], "properties": {
			"ok": {"type": "boolean"},
			"at": {"type": "string", "format": "date-time"},
			"level": {"type": "string", "enum": ["low", "high"]},
			"nodes": {"type": "object", "additionalProperties": {"type": "integer"}},
			"root": {"$ref": "#/components/schemas/Node"},
			"any": {},
			"bare": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
		}}
	}`
	if diff := cmp.Diff(decoded(t, want), decoded(t, string(got))); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	_ = node{}.inner
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSameNameTwice(t *testing.T) {
	type Node struct {
		Other int `json:"other"`
	}
	var schemas openapi.Schemas
	schemas.Of(reflect.TypeFor[node]())
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "same name") {
			t.Errorf("panicked with %q", said)
		}
	}()
	schemas.Of(reflect.TypeFor[Node]())
}
