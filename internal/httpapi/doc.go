// Package httpapi holds the HTTP handlers of the API. Errors are problem details (RFC 9457) with a stable "code".
package httpapi
