package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Password logs in to a local account of the server at url, over its HTTP API, for
// every token it is asked for. A client that has it stops when the server refuses
// the password, and tries again later when the server cannot be reached. A nil
// httpClient is http.DefaultClient.
func Password(url, login, password string, httpClient *http.Client) TokenSource {
	if httpClient == nil {
		httpClient = http.DefaultClient
	}
	return func(ctx context.Context) (string, error) {
		token, err := logIn(ctx, httpClient, url, login, password)
		if refusal := new(Error); errors.As(err, &refusal) {
			if _, ok := passing(err); !ok {
				return "", stoppedBy(err)
			}
		}
		return token, err
	}
}

const (
	loginTimeout  = 20 * time.Second
	maxLoginBytes = 1 << 20 // of the answer
)

func logIn(ctx context.Context, httpClient *http.Client, base, login, password string) (token string, err error) {
	at, err := loginAddress(base)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := httpClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxLoginBytes))
	if err != nil {
		return "", err
	}
	return readLogin(response.StatusCode, text)
}

// loginAddress is where to log in to the server that a client connects to.
func loginAddress(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	u.RawQuery, u.Fragment = "", ""
	return u.JoinPath("api/v1/login").String(), nil
}

func readLogin(status int, text []byte) (token string, err error) {
	var answer struct {
		Token  string `json:"token"`
		Detail string `json:"detail"`
		Error
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("log in: the server answered with %d and no JSON", status)
	}
	switch {
	case status == http.StatusOK && answer.Token != "":
		return answer.Token, nil
	case answer.Code == "":
		return "", fmt.Errorf("log in: the server answered with %d", status)
	}
	answer.Message = answer.Detail
	return "", &answer.Error
}
