// Command echo-bot is an example of a bot: it says again what is said in rooms. See docs/webhooks.md.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var server, apiKey, secret = os.Getenv("SOCKEYE"), os.Getenv("KEY"), os.Getenv("SECRET")

// echo is told of an event, and says it again.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var event struct {
		Type string
		Data struct{ RoomID, Content, Type string }
	}
	if err != nil || !verified(r.Header, body) || json.Unmarshal(body, &event) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if event.Type != "message.created" || event.Data.RoomID == "" || event.Data.Type == "system" {
		return
	}
	say, _ := json.Marshal(map[string]string{"content": event.Data.Content, "clientMsgId": "echo-" + r.Header.Get("webhook-id")})
	post, _ := http.NewRequestWithContext(r.Context(), http.MethodPost, server+"/api/v1/server/rooms/"+event.Data.RoomID+"/messages", bytes.NewReader(say))
	post.Header = http.Header{"Authorization": {"Bearer " + apiKey}, "Content-Type": {"application/json"}}
	answer, err := http.DefaultClient.Do(post)
	if err != nil || answer.Body.Close() != nil || answer.StatusCode >= 300 {
		w.WriteHeader(http.StatusInternalServerError) // it comes again
	}
}

// verified tells whether a request is the server's, and not an old one.
func verified(h http.Header, body []byte) bool {
	id, at := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	key, bad := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || bad != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "." + string(body)))
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, signature := range strings.Fields(h.Get("webhook-signature")) {
		if hmac.Equal([]byte(signature), want) {
			return true
		}
	}
	return false
}

func main() {
	listener, err := net.Listen("tcp", os.Getenv("ADDR"))
	if err == nil {
		fmt.Printf("http://%s\n", listener.Addr())
		err = (&http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: 10 * time.Second}).Serve(listener)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
