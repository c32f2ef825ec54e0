package command_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/command"
)

func TestDescribe(t *testing.T) {
	for _, name := range command.Names() {
		shape, found := command.Describe(name)
		if !found || shape.Payload.Kind() != reflect.Struct || shape.Answer.Kind() != reflect.Struct {
			t.Fatalf("%s: %v takes %v, answers %v; want two structs", name, found, shape.Payload, shape.Answer)
		}
		empty, err := json.Marshal(reflect.Zero(shape.Answer).Interface())
		if err != nil || !strings.HasPrefix(string(empty), `{"ok":false`) {
			t.Errorf("%s is acknowledged by %s (%v), which does not begin with ok", name, empty, err)
		}
	}
	if _, found := command.Describe("room:explode"); found {
		t.Error("a command that is none is described")
	}
}
