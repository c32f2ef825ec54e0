package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-im/sockeye/internal/config"
)

func TestUnknownVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"SOCKEYE_LISTN=:4000":                         "SOCKEYE_LISTN is set, but no setting has that name; did you mean SOCKEYE_LISTEN?",
		"SOCKEYE_CHAT_DMPOLICY=anyone":                "SOCKEYE_CHAT_DMPOLICY is set, but no setting has that name; did you mean SOCKEYE_CHAT_DM_POLICY?",
		"SOCKEYE_WEATHER=rain":                        "SOCKEYE_WEATHER is set, but no setting has that name",
		"SOCKEYE_=":                                   "SOCKEYE_ is set, but no setting has that name",
		"SOCKEYE_LISTEN=:4000":                        "",
		"SOCKEYE_CONFIG=a.yaml":                       "",
		"SOCKEYE_TOKEN=of-the-chat-commands":          "",
		"SOCKEYE_SERVICE_HOST=10.0.0.1":               "",
		"SOCKEYE_SERVICE_PORT_HTTP=3000":              "",
		"SOCKEYE_PORT=tcp://10.0.0.1:3000":            "",
		"SOCKEYE_PORT_3000_TCP_ADDR=10.0.0.1":         "",
		"SOCKEYE_METRICS_PORT_9090_TCP=tcp://10.0.0.": "",
		"PATH=/bin":                                   "",
	} {
		var list []string
		if want != "" {
			list = []string{want}
		}
		if diff := cmp.Diff(list, config.UnknownVariables([]string{variable})); diff != "" {
			t.Errorf("%s: %s", variable, diff)
		}
	}
}

func TestNegativeNumbers(t *testing.T) {
	for name, args := range map[string][]string{"apart": {"--max-connections", "-5"}, "together": {"--max-connections=-5"}} {
		_, err := config.Parse(args, environment{}.lookup)
		t.Run(name, func(t *testing.T) { mustSay(t, err, "max-connections is -5", "from 1 to") })
	}
	_, err := config.Parse([]string{"--dev", "-5"}, environment{}.lookup)
	mustSay(t, err, "-5")
}

// What is wrong in the file begins with the file, whatever flag was looked for.
func TestFileErrorsBeginWithTheFile(t *testing.T) {
	for name, tc := range map[string]struct{ content, says string }{
		"no YAML":     {"listen: [", "config file PATH: "},
		"unknown key": {"metrics: on\nlisten-on: x\n", "config file PATH, line 2: unknown key \"listen-on\""},
		"wrong value": {"# first\nmax-connections: many\n", "config file PATH, line 2: max-connections: "},
		"list":        {"log-level: [a, b]\n", "config file PATH, line 1: log-level: takes one value, not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, tc.content)
			_, err := config.Parse([]string{"--config", path}, environment{}.lookup)
			want := strings.Replace(tc.says, "PATH", path, 1)
			if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("says %q, want %q", err, want)
			}
		})
	}
}
