package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/sockeye-im/sockeye/internal/certs"
	"github.com/sockeye-im/sockeye/internal/netloop"
)

// secure is what makes the server speak TLS; without settings for it, it does
// nothing.
type secure struct {
	config  *tls.Config      // nil: plain
	expires func() time.Time // nil: plain
	serving func()           // to be called when connections are taken; may be nil
}

func (s *Server) buildTLS(context.Context) error {
	switch settings := s.settings.TLS; {
	case settings.Cert != "":
		files, err := certs.OpenFiles(settings.Cert, settings.Key, time.Now, s.log)
		if err != nil {
			return err
		}
		s.secure = secure{config: certs.Config(files.Certificate), expires: files.Expires}
		s.parts.add("certificate on SIGHUP", onHangup(func() {
			if err := files.Reload(); err != nil {
				s.log.Error("the certificate is not used", "err", err)
			}
		}))
	case len(settings.ACMEHosts) > 0:
		authority, err := certs.NewACME(certs.ACMEConfig{
			Hosts: settings.ACMEHosts, Email: settings.ACMEEmail, Directory: settings.ACMEDirectory,
			Cache: filepath.Join(s.settings.Account.Data, "acme"), Now: time.Now, Log: s.log,
		})
		if err != nil {
			return err
		}
		s.secure = secure{config: authority.TLS(), expires: authority.Expires, serving: authority.Start}
		s.parts.add("certificates", func() error { authority.Stop(); return nil })
	}
	return nil
}

// listener has TLS on connections when there is a certificate.
func (s *secure) listener(plain net.Listener) net.Listener {
	if s.config == nil {
		return plain
	}
	return netloop.TLSListener(plain, s.config)
}

// begin is called when connections are taken.
func (s *secure) begin() {
	if s.serving != nil {
		s.serving()
	}
}

// strict has every answer tell browsers to come by HTTPS only, for that long.
func strict(age time.Duration, next http.Handler) http.Handler {
	if age == 0 {
		return next
	}
	value := fmt.Sprintf("max-age=%d", int(age.Seconds()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", value)
		next.ServeHTTP(w, r)
	})
}
