package gateway_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/gateway"
)

func TestNewRefuses(t *testing.T) {
	if _, err := gateway.NewDoor(gateway.Config{}, gateway.DoorDeps{}); err == nil {
		t.Error("a door works with nothing")
	}
	if _, err := gateway.New(gateway.NativeConfig{}, gateway.Deps{}); err == nil {
		t.Error("a gateway works with nothing")
	}
}
