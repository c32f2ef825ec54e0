package netloop

import (
	"crypto/tls"
	"net"
)

// TLSListener is tls.NewListener, but the loop can take over its connections with
// epoll: an idle one then has no goroutine and no buffer of its own, only what TLS
// keeps. Handshakes and HTTP go as ever.
func TLSListener(inner net.Listener, config *tls.Config) net.Listener {
	return tls.NewListener(&socketListener{inner}, config)
}

// socketListener has sockets that a loop can take over.
type socketListener struct{ net.Listener }

func (l *socketListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if _, tcp := nc.(*net.TCPConn); !tcp {
		return nc, nil
	}
	return &socket{Conn: nc}, nil
}
