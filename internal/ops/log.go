package ops

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

const hidden = "[hidden]"

// secretNames are query parameters and log attributes whose values are never written, whatever their case.
var secretNames = []string{"token", "access_token", "auth", "authorization", "jwt", "password", "secret", "cookie"}

// NewLogger returns a logger that writes lines of JSON or text, as format says ("json", "text"), from the level on
// ("debug", "info", "warn", "error"). Attributes with the name of a secret are hidden, and so are secrets in attributes
// that are a *url.URL; strings that hold an address need [RedactURL].
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log-level is %q, it must be one of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: redactAttr}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log-format is %q, it must be one of json, text", format)
}

func redactAttr(_ []string, attr slog.Attr) slog.Attr {
	if isSecret(attr.Key) {
		return slog.String(attr.Key, hidden)
	}
	if address, ok := attr.Value.Any().(*url.URL); ok && address != nil {
		return slog.String(attr.Key, RedactURL(address))
	}
	return attr
}

// RedactURL writes an address for a log: without the password and without the values of parameters that carry secrets,
// such as "token". A parameter whose name cannot be decoded counts as one.
func RedactURL(address *url.URL) string {
	shown := *address
	if shown.User != nil {
		shown.User = url.User(hidden)
	}
	parameters := strings.FieldsFunc(shown.RawQuery, func(r rune) bool { return r == '&' || r == ';' })
	for i, parameter := range parameters {
		name, _, _ := strings.Cut(parameter, "=")
		if decoded, err := url.QueryUnescape(name); err != nil || isSecret(decoded) {
			parameters[i] = name + "=" + hidden
		}
	}
	shown.RawQuery = strings.Join(parameters, "&")
	return shown.String()
}

func isSecret(name string) bool { return slices.Contains(secretNames, strings.ToLower(name)) }
