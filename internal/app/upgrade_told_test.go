package app_test

import (
	"strings"
	"testing"
)

// TestUpgradeIsTold: whoever starts this version on the data folder of an older one reads in the log which rooms keep
// their messages for ever now; the next start has nothing to tell.
func TestUpgradeIsTold(t *testing.T) {
	data := oldFolder(t)
	const told = "keep them for ever now"
	first := start(t, data)
	if log := first.log.String(); !strings.Contains(log, told) || !strings.Contains(log, `"count":1,"rooms":["lunch"]`) {
		t.Errorf("the log says\n%s", log)
	}
	first.stop()
	first.end()
	if log := start(t, data).log.String(); strings.Contains(log, told) {
		t.Errorf("the log of the next start says\n%s", log)
	}
}
