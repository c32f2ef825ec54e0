package config

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
)

// DatabaseURL is the address of a PostgreSQL database, with the password of its user; empty where SQLite is used. It
// prints as [DatabaseURL.Redacted] everywhere.
type DatabaseURL string

// UnmarshalText reads an address that begins with postgres:// or postgresql://. The driver reads the rest.
func (u *DatabaseURL) UnmarshalText(text []byte) error {
	address := strings.TrimSpace(string(text))
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return errors.New("is not like postgres://user:password@host:5432/name") // without the text, which may have a password
	}
	*u = DatabaseURL(address)
	return nil
}

// Redacted is the host and the name of the database, without user, password and parameters.
func (u DatabaseURL) Redacted() string {
	return redacted(string(u))
}

// String hides the password.
func (u DatabaseURL) String() string { return u.Redacted() }

// GoString hides it from %#v.
func (u DatabaseURL) GoString() string { return u.Redacted() }

// LogValue hides it from slog.
func (u DatabaseURL) LogValue() slog.Value { return slog.StringValue(u.Redacted()) }

// MarshalText hides it from encoders.
func (u DatabaseURL) MarshalText() ([]byte, error) { return []byte(u.Redacted()), nil }

// RedisURL is the address of a Redis server, with the password of its user; empty where there is none. It prints as
// [RedisURL.Redacted] everywhere.
type RedisURL string

// UnmarshalText reads an address that begins with redis:// or rediss://. The driver reads the rest.
func (u *RedisURL) UnmarshalText(text []byte) error {
	address := strings.TrimSpace(string(text))
	if !strings.HasPrefix(address, "redis://") && !strings.HasPrefix(address, "rediss://") {
		return errors.New("is not like redis://user:password@host:6379, or rediss:// for TLS") // see above
	}
	*u = RedisURL(address)
	return nil
}

// Redacted is the first host, without user, password and parameters.
func (u RedisURL) Redacted() string { return redacted(string(u)) }

// String hides the password.
func (u RedisURL) String() string { return u.Redacted() }

// GoString hides it from %#v.
func (u RedisURL) GoString() string { return u.Redacted() }

// LogValue hides it from slog.
func (u RedisURL) LogValue() slog.Value { return slog.StringValue(u.Redacted()) }

// MarshalText hides it from encoders.
func (u RedisURL) MarshalText() ([]byte, error) { return []byte(u.Redacted()), nil }

// redacted is an address without what may be a secret.
func redacted(address string) string {
	if address == "" {
		return ""
	}
	scheme, _, _ := strings.Cut(address, "://")
	parsed, err := url.Parse(address)
	if err != nil { // with a mistake
		return scheme + "://[hidden]"
	}
	return scheme + "://" + parsed.Host + parsed.Path
}
