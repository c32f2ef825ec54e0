package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/redis/rueidis"
)

// Parameters of an address.
const (
	paramAddress          = "addr"       // another address, host:port; of Sentinels, or nodes of a Cluster
	paramMaster           = "master_set" // the name of what Sentinels watch; the addresses are theirs then
	paramSentinelUser     = "sentinel_username"
	paramSentinelPassword = "sentinel_password"
	paramCA               = "ca"   // a PEM file, of the authority of the server's certificate
	paramCert             = "cert" // a PEM file, for servers that ask for a certificate
	paramKey              = "key"
)

var params = []string{paramAddress, paramMaster, paramSentinelUser, paramSentinelPassword, paramCA, paramCert, paramKey}

// Validate returns an error that says what is wrong with an address, which is
//
//	redis://user:password@host:6379    or rediss:// for TLS
//
// with more addresses of a Cluster (addr=host:port, again and again), or of Sentinels
// (master_set=name, sentinel_username, sentinel_password), and files for TLS (ca, cert, key).
// The error has no password in it.
func Validate(address string) error {
	_, err := parse(address)
	return err
}

func parse(address string) (options rueidis.ClientOption, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return options, errors.New("it is no address such as redis://user:password@host:6379") // err has the password
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return options, fmt.Errorf("it begins with %s://, and must with redis:// or rediss://", u.Scheme)
	}
	if u.Hostname() == "" {
		return options, errors.New("it names no host")
	}
	query := u.Query()
	for name := range query {
		if !slices.Contains(params, name) {
			return options, fmt.Errorf("it has the parameter %s; there are %s", name, strings.Join(params, ", "))
		}
	}
	if options, err = rueidis.ParseURL(address); err != nil {
		return options, errors.New(strings.TrimPrefix(err.Error(), "redis: "))
	}
	if err := secure(&options, query); err != nil {
		return options, err
	}
	options.Sentinel.Username, options.Sentinel.Password = query.Get(paramSentinelUser), query.Get(paramSentinelPassword)
	options.ClientName, options.Sentinel.ClientName = "sockeye", "sockeye"
	options.Dialer = net.Dialer{Timeout: connectTimeout, KeepAlive: quiet}
	options.Sentinel.Dialer = options.Dialer
	options.ConnWriteTimeout = answerTimeout
	options.ReadBufferEachConn, options.WriteBufferEachConn = bufferSize, bufferSize
	options.DisableRetry, options.DisableCache = true, true
	// Whoever names one server means it: a node of a Cluster tells the others what is published at it, and is asked for none.
	options.ForceSingleClient = len(options.InitAddress) == 1
	return options, nil
}

// secure reads the files for TLS. Sentinels speak it too where the server does.
func secure(options *rueidis.ClientOption, query url.Values) error {
	files := query.Has(paramCA) || query.Has(paramCert) || query.Has(paramKey)
	if options.TLSConfig == nil {
		if files {
			return errors.New("it names files for TLS, and does not begin with rediss://")
		}
		return nil
	}
	// Each connection checks the certificate against the name that it connects to.
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := query.Get(paramCA); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%s: %w", paramCA, err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s: %s has no certificate in PEM", paramCA, file)
		}
	}
	if query.Has(paramCert) || query.Has(paramKey) {
		pair, err := tls.LoadX509KeyPair(query.Get(paramCert), query.Get(paramKey))
		if err != nil {
			return fmt.Errorf("%s, %s: %w", paramCert, paramKey, err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	options.TLSConfig, options.Sentinel.TLSConfig = settings, settings
	return nil
}

// dial makes a connection that close knows.
func (s *sockets) dial(ctx context.Context, address string, dialer *net.Dialer, secured *tls.Config) (net.Conn, error) {
	if s.isClosed() {
		return nil, net.ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	socket, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := s.add(socket); err != nil {
		return nil, err
	}
	if secured == nil {
		return socket, nil
	}
	settings := secured.Clone()
	settings.ServerName, _, _ = net.SplitHostPort(address)
	encrypted := tls.Client(socket, settings)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return encrypted, nil
}

// hints are what to do about what Redis answers.
var hints = []struct{ answer, hint string }{
	{"WRONGPASS", "the user or the password in --redis is wrong"},
	{"NOAUTH", "Redis asks for a password, and --redis has none"},
	{"NOPERM", "the user in --redis may not do that: it needs +hello +publish +subscribe +ping and the channels &sockeye-*"},
	{"unauthenticated", "--redis may not be reached from here without a password"},
	{"max number of clients", "raise maxclients of Redis"},
	{"certificate", "look at ca, cert and key in --redis"},
	{"TLS: ", "--redis begins with rediss://: does Redis speak TLS there?"},
}

// explain adds what the operator can do.
func explain(err error) error {
	for _, h := range hints {
		if strings.Contains(err.Error(), h.answer) {
			return fmt.Errorf("%w: %s", err, h.hint)
		}
	}
	return err
}
