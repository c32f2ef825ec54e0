package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Switch is a setting that is on or off. It is no bool, which a flag could name without a value.
type Switch struct{ On bool }

// UnmarshalText reads on, off, true, false, yes, no, 1 or 0.
func (s *Switch) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "on", "true", "yes", "1":
		s.On = true
	case "off", "false", "no", "0":
		s.On = false
	default:
		return fmt.Errorf("%q is neither on nor off", text)
	}
	return nil
}

// Bytes is a size in bytes.
type Bytes int64

var units = []struct {
	suffix string
	factor float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"b", 1}, {"", 1},
}

// UnmarshalText reads a number of bytes with or without one of the units B, kB, MB, GB, KiB, MiB and GiB.
func (b *Bytes) UnmarshalText(text []byte) error {
	lower := strings.ToLower(strings.TrimSpace(string(text)))
	for _, unit := range units {
		number, ok := strings.CutSuffix(lower, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		n *= unit.factor
		if err != nil || n < 0 || n >= 1<<53 || n != math.Trunc(n) {
			break
		}
		*b = Bytes(n)
		return nil
	}
	return fmt.Errorf("%q is no size in bytes, such as 1000000, 1MB or 1MiB", text)
}

// MemoryLimit is a soft limit for the memory of the Go runtime. The zero MemoryLimit is the machine's own.
type MemoryLimit struct {
	Bytes Bytes
	Off   bool
}

// leastMemory is what a server needs in any case.
const leastMemory = 32 << 20

// UnmarshalText reads "auto", "off", or a size.
func (m *MemoryLimit) UnmarshalText(text []byte) error {
	*m = MemoryLimit{}
	switch strings.ToLower(strings.TrimSpace(string(text))) {
	case "auto":
		return nil
	case "off":
		m.Off = true
		return nil
	}
	if m.Bytes.UnmarshalText(text) != nil || m.Bytes < leastMemory {
		return fmt.Errorf("%q is neither auto, nor off, nor a size of at least 32MiB", text)
	}
	return nil
}

// QueueMemory is a size in bytes of at least 1 MiB. Zero is the server's own choice.
type QueueMemory Bytes

const leastQueueMemory = 1 << 20

// UnmarshalText reads "auto" or a size.
func (q *QueueMemory) UnmarshalText(text []byte) error {
	*q = 0
	if strings.EqualFold(strings.TrimSpace(string(text)), "auto") {
		return nil
	}
	if (*Bytes)(q).UnmarshalText(text) != nil || *q < leastQueueMemory {
		return fmt.Errorf("%q is neither auto nor a size of at least 1MiB", text)
	}
	return nil
}

// Rate is a number of events in a time. The zero Rate is no limit.
type Rate struct {
	Events int
	Per    time.Duration
}

var perNames = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"h": time.Hour, "hour": time.Hour,
}

// UnmarshalText reads "100/min", "5/s", "1000/15m", or "off".
func (r *Rate) UnmarshalText(text []byte) error {
	if strings.EqualFold(string(text), "off") {
		*r = Rate{}
		return nil
	}
	malformed := fmt.Errorf("%q is no rate, such as 100/min, 5/s, 1000/15m, or off", text)
	count, per, ok := strings.Cut(string(text), "/")
	if !ok {
		return malformed
	}
	events, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil {
		return malformed
	}
	per = strings.TrimSpace(per)
	window, named := perNames[per]
	if !named {
		if window, err = time.ParseDuration(per); err != nil {
			return malformed
		}
	}
	const most, longest = 1_000_000, 24 * time.Hour
	if events < 1 || events > most || window < time.Second || window > longest {
		return fmt.Errorf("%q is out of range: 1 to %d events in 1s to %s", text, most, longest)
	}
	*r = Rate{Events: events, Per: window}
	return nil
}

// String writes the rate as UnmarshalText reads it.
func (r Rate) String() string {
	if r == (Rate{}) {
		return "off"
	}
	return fmt.Sprintf("%d/%s", r.Events, r.Per)
}

// Network is a range of IP addresses.
type Network struct{ netip.Prefix }

// UnmarshalText reads a CIDR range or a single address.
func (n *Network) UnmarshalText(text []byte) error {
	if address, err := netip.ParseAddr(string(text)); err == nil && address.Zone() == "" {
		n.Prefix = netip.PrefixFrom(address, address.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither an IP address nor a range such as 10.0.0.0/8", text)
	}
	n.Prefix = prefix.Masked()
	return nil
}

// Issuers is the list of other issuers whose tokens are accepted.
type Issuers []account.IssuerConfig

// UnmarshalText reads a YAML list, and so JSON too. Unknown fields are errors.
func (i *Issuers) UnmarshalText(text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var list []account.IssuerConfig
	if err := decoder.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("is no list of issuers: %s", flatten(err))
	}
	*i = list
	return nil
}

// flatten brings an error of several lines onto one.
func flatten(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
