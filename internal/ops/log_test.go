package ops_test

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/ops"
)

func TestRedactURL(t *testing.T) {
	for raw, want := range map[string]string{
		"/socket.io/?EIO=4&token=abc.def.ghi&transport=polling": "/socket.io/?EIO=4&token=[hidden]&transport=polling",
		"/ws?TOKEN=abc":                       "/ws?TOKEN=[hidden]",
		"/ws?%74oken=abc":                     "/ws?%74oken=[hidden]",
		"/ws?token=abc&token=def":             "/ws?token=[hidden]&token=[hidden]",
		"/ws?x=1;token=abc":                   "/ws?x=1&token=[hidden]",
		"/ws?%zz=abc":                         "/ws?%zz=[hidden]",
		"/ws?token":                           "/ws?token=[hidden]",
		"/ws?access_token=abc":                "/ws?access_token=[hidden]",
		"/ws?tokens=3":                        "/ws?tokens=3",
		"/ws":                                 "/ws",
		"https://ada:pw@chat.example/?a=1":    "https://%5Bhidden%5D@chat.example/?a=1",
		"https://chat.example/token=x?b=to=k": "https://chat.example/token=x?b=to=k",
	} {
		address, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := ops.RedactURL(address); got != want {
			t.Errorf("%s became %s, want %s", raw, got, want)
		}
		if address.String() != raw {
			t.Errorf("%s was changed", raw)
		}
	}
}

func TestLogger(t *testing.T) {
	var out strings.Builder
	log, err := ops.NewLogger(&out, "info", "json")
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse("/ws?token=top-secret")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("not written")
	log.Info("hello", "url", address, "token", "top-secret", "Authorization", "Bearer top-secret", slog.Group("auth", "token", "top-secret"), "user", "ada")
	fields := decode(t, out.String())
	if fields["msg"] != "hello" || fields["level"] != "INFO" || fields["user"] != "ada" || fields["url"] != "/ws?token=[hidden]" {
		t.Errorf("got %v", fields)
	}
	if strings.Contains(out.String(), "top-secret") {
		t.Errorf("wrote a secret: %s", out.String())
	}
}

func TestLoggerTextAndRefusals(t *testing.T) {
	var out strings.Builder
	log, err := ops.NewLogger(&out, "debug", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("hello", "secret", "x1y2")
	if got := out.String(); !strings.Contains(got, "level=DEBUG msg=hello secret=[hidden]") {
		t.Errorf("got %s", got)
	}
	if _, err := ops.NewLogger(&out, "loud", "json"); err == nil || !strings.Contains(err.Error(), `"loud"`) {
		t.Errorf("level: %v", err)
	}
	if _, err := ops.NewLogger(&out, "info", "xml"); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Errorf("format: %v", err)
	}
}
