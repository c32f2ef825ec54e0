package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// patience is how long anything else may take to answer.
const patience = 5 * time.Second

// soon is how long before its end a certificate should have been renewed.
const soon = 14 * 24 * time.Hour

// checkCertificate looks at the files of a certificate. (One from an authority is got and renewed by the server.)
func checkCertificate(_ context.Context, p *Patient, found *findings) {
	settings := p.Config.TLS
	if settings.Cert == "" {
		return
	}
	const renew = "Renew it, as with certbot renew; the server takes it at once."
	pair, err := tls.LoadX509KeyPair(settings.Cert, settings.Key)
	if err != nil {
		found.trouble("Name the certificate with its chain in tls-cert and its own key in tls-key; the server's user must be able to read both.", "the certificate cannot be used: %v", err)
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		found.trouble("Get another one.", "the certificate cannot be read: %v", err)
		return
	}
	switch left := leaf.NotAfter.Sub(p.Now); {
	case left <= 0:
		found.trouble(renew, "the certificate in %s ran out on %s", settings.Cert, leaf.NotAfter.Format(time.DateOnly))
	case left < soon:
		found.warn(renew+" See why that has not happened by itself.", "the certificate in %s runs out on %s", settings.Cert, leaf.NotAfter.Format(time.DateOnly))
	case leaf.NotBefore.After(p.Now):
		found.trouble("Set the clock right, or wait.", "the certificate in %s is good from %s on only", settings.Cert, leaf.NotBefore.Format(time.RFC3339))
	}
	if len(pair.Certificate) == 1 && leaf.Issuer.String() != leaf.Subject.String() {
		found.warn("Name the file with the whole chain (certbot calls it fullchain.pem).", "%s has no chain: some clients will not trust it", settings.Cert)
	}
	if info, err := os.Stat(settings.Key); err == nil && posix && info.Mode().Perm()&0o007 != 0 {
		found.trouble("chmod o= "+settings.Key, "everybody on this machine can read the key %s (mode %#o)", settings.Key, info.Mode().Perm())
	}
}

// checkIssuers reads the keys of issuers as the server does.
func checkIssuers(ctx context.Context, p *Patient, found *findings) {
	for _, issuer := range p.Config.Account.Issuers {
		switch {
		case issuer.KeyFile != "":
			secret := account.Secret("no token is verified here; it is as long as a secret must be")
			verifiers, err := account.NewVerifiers(ctx, account.TrustConfig{Secret: secret, External: []account.IssuerConfig{issuer}, Now: time.Now})
			if err != nil {
				found.trouble("Correct key-file, or make the file readable for the server's user.", "%v", err)
				continue
			}
			verifiers.Stop()
		case issuer.JWKSURL != "":
			if err := askForKeys(ctx, issuer.JWKSURL); err != nil {
				found.trouble("Try it with curl from this machine: look at the address, the firewall, the proxy and the certificate. Until then nobody of that issuer signs in.",
					"the keys of issuer %s cannot be had from %s: %v", issuer.Issuer, shown(issuer.JWKSURL), err)
			}
		}
	}
}

func askForKeys(ctx context.Context, address string) error {
	var set struct{ Keys []json.RawMessage }
	if err := ask(ctx, address, &set); err != nil {
		return err
	}
	if len(set.Keys) == 0 {
		return errors.New("there are none in the answer")
	}
	return nil
}

// checkAuthority asks the ACME authority, and looks whether it will find the server.
func checkAuthority(ctx context.Context, p *Patient, found *findings) {
	settings := p.Config.TLS
	if len(settings.ACMEHosts) == 0 {
		return
	}
	var directory struct{ NewOrder string }
	err := ask(ctx, settings.ACMEDirectory, &directory)
	if err == nil && directory.NewOrder == "" {
		err = errors.New("the answer is no directory of an ACME authority")
	}
	if err != nil {
		found.trouble("Try it with curl from this machine; without the authority there is no certificate.", "the authority %s cannot be reached: %v", shown(settings.ACMEDirectory), err)
	}
	for _, host := range settings.ACMEHosts {
		ctx, cancel := context.WithTimeout(ctx, patience)
		_, err := net.DefaultResolver.LookupHost(ctx, host)
		cancel()
		if err != nil {
			found.trouble("Add the name to your DNS, with the address by which the world reaches port 443 of this machine.", "the name %s leads nowhere: %v", host, err)
		}
	}
}

// shown is an address without what may be a secret: who asks, and the query.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// withoutAddress is an error of a request without the address, which has its own words.
func withoutAddress(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		return of.Err
	}
	return err
}

// ask reads a JSON document.
func ask(ctx context.Context, address string, into any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return withoutAddress(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return withoutAddress(err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(into)
}

// checkAddress asks a server that runs how it is, and looks whether one that does not could take its address.
func checkAddress(ctx context.Context, p *Patient, found *findings) {
	if p.Running {
		checkReady(ctx, p, found)
		return
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.Config.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		found.trouble("Find it with `ss -ltnp`; stop it, or choose another --listen.", "another program listens on %s", p.Config.Listen)
	case errors.Is(err, syscall.EACCES):
		found.trouble("Give the server CAP_NET_BIND_SERVICE (AmbientCapabilities in the unit), or choose a port above 1023.", "%s may not be listened on by this user", p.Config.Listen)
	case err != nil:
		found.trouble("Correct --listen; `ip addr` shows the addresses of this machine.", "%s cannot be listened on: %v", p.Config.Listen, err)
	default:
		_ = listener.Close()
		found.note("", "no server runs on this data folder")
	}
}

func checkReady(ctx context.Context, p *Patient, found *findings) {
	host, port, err := net.SplitHostPort(p.Config.Listen)
	if ip, fault := netip.ParseAddr(host); err == nil && (host == "" || fault == nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	scheme := "http"
	if p.Config.TLS.On() {
		scheme = "https"
	}
	address := scheme + "://" + net.JoinHostPort(host, port) + "/ready"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		found.trouble("Correct --listen.", "%v", err)
		return
	}
	// It is this machine, and no secret is sent: the certificate is for the names that clients use.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		found.trouble("Give doctor the same settings as the server (--config, --listen, SOCKEYE_…). If they are: look into its log, and restart it.",
			"a server has the data folder, and does not answer at %s: %v", address, withoutAddress(err))
		return
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		found.trouble("Look into its log; a full disk is the usual cause.", "the server runs, and is not ready: %s %s", answer.Status, text)
	}
}
