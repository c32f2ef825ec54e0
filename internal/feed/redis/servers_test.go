package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster/brokertest"
	"github.com/sockeye-im/sockeye/internal/feed/redis"
	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
)

// Nodes of a Redis Cluster are told what is published at any of them, and one may die.
func TestRedisCluster(t *testing.T) {
	nodes := redistest.Cluster(t)
	var more url.Values = map[string][]string{}
	for _, node := range nodes[1:] {
		more.Add("addr", node.Address())
	}
	address := nodes[0].URL() + "?" + more.Encode()
	one, other := pair(t, address)
	talk(t, one, other, "all nodes")
	alone := brokertest.Listen(t, broker(t, nodes[2].URL(), "sockeye-a")) // that knows one address only
	talk(t, alone, one, "one address")
	nodes[0].Kill(t)
	talk(t, one, other, "a node has died")
	talk(t, alone, other, "and who knew another")
}

// Sentinels say which server is the primary, and name another one when it dies.
func TestSentinel(t *testing.T) {
	primary := redistest.Start(t, "--requirepass", "shared", "--masterauth", "shared")
	replica := redistest.Start(t, "--requirepass", "shared", "--masterauth", "shared", "--replicaof", "127.0.0.1 "+strconv.Itoa(primary.Port))
	t.Setenv("REDISCLI_AUTH", "shared")
	for deadline := time.Now().Add(brokertest.Soon); !strings.Contains(replica.Do(t, "INFO", "replication"), "master_link_status:up"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the replica does not follow the primary")
		}
	}
	sentinel := redistest.Sentinel(t, "chat", primary, "auth-pass chat shared")
	address := fmt.Sprintf("redis://:shared@%s?master_set=chat", sentinel.Address())
	one, other := pair(t, address)
	talk(t, one, other, "before")
	for deadline := time.Now().Add(brokertest.Soon); !strings.Contains(sentinel.Do(t, "SENTINEL", "REPLICAS", "chat"), strconv.Itoa(replica.Port)); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the Sentinel does not know the replica")
		}
	}
	primary.Kill(t)
	talk(t, one, other, "after")
	if n := replica.Do(t, "PUBSUB", "NUMSUB", "sockeye-a"); !strings.Contains(n, "2") {
		t.Fatalf("at the new primary there are: %s", n)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	authority := makeAuthority(t, filepath.Join(dir, "ca.pem"))
	authority.issue(t, dir, "server", "localhost")
	authority.issue(t, dir, "client", "sockeye")
	makeAuthority(t, filepath.Join(dir, "other.pem"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	_ = listener.Close()
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", dir+"/server.pem", "--tls-key-file", dir+"/server.key", "--tls-ca-cert-file", dir+"/ca.pem")
	address := func(host string, params ...string) string {
		return "rediss://" + host + ":" + port + "?" + strings.Join(params, "&")
	}
	ca, cert, key := "ca="+dir+"/ca.pem", "cert="+dir+"/client.pem", "key="+dir+"/client.key"
	one, other := pair(t, address("localhost", ca, cert, key))
	talk(t, one, other, "in secret")
	for name, bad := range map[string]string{
		"an authority that is not known": address("localhost", "ca="+dir+"/other.pem", cert, key),
		"another name":                   address("127.0.0.1", ca, cert, key),
		"no certificate of the client":   address("localhost", ca),
		"no TLS":                         strings.Replace(address("localhost"), "rediss:", "redis:", 1),
	} {
		if err := redis.Probe(t.Context(), bad); err == nil {
			t.Errorf("%s: it works", name)
		}
	}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func makeAuthority(t *testing.T, file string) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: file}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := authority{template, newKey(t)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, file, "CERTIFICATE", der)
	return a
}

func (a authority) issue(t *testing.T, dir, name, host string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", secret)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
