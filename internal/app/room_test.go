package app_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/app"
)

func TestRoomBelowTheLimitForFiles(t *testing.T) {
	for files, want := range map[int]int{0: 0, 20: 10, 100: 50, 300: 204, 1024: 928, 20_000: 19_688, 32768: 32256} {
		if got := app.Room(files); got != want || got > files {
			t.Errorf("room for %d connections with %d files, want %d", got, files, want)
		}
	}
}
