package tracing

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Keyfactor makes a span of each call to Keyfactor that belongs to a trace.
func Keyfactor(t trace.Tracer, next http.RoundTripper) http.RoundTripper {
	return calls{t, next, func(r *http.Request) (string, []attribute.KeyValue) {
		return "Keyfactor " + r.Method, []attribute.KeyValue{attribute.String("url.path", r.URL.Path)}
	}}
}

// Slack makes a span of each call to Slack that belongs to a trace. Only the
// method's name is told: the address of an answer to a click holds a secret.
func Slack(t trace.Tracer, next http.RoundTripper) http.RoundTripper {
	return calls{t, next, func(r *http.Request) (string, []attribute.KeyValue) {
		method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if !strings.Contains(method, ".") {
			method = "answer"
		}
		return "Slack " + method, nil
	}}
}

type calls struct {
	tracer trace.Tracer
	next   http.RoundTripper
	about  func(*http.Request) (name string, attributes []attribute.KeyValue)
}

// RoundTrip implements http.RoundTripper. Nothing is added to the request.
func (c calls) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanFromContext(r.Context()).SpanContext().IsValid() {
		return c.next.RoundTrip(r)
	}
	name, attributes := c.about(r)
	ctx, span := c.tracer.Start(r.Context(), name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname())))
	defer span.End()
	response, err := c.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return response, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	if response.StatusCode >= 400 {
		span.SetStatus(codes.Error, http.StatusText(response.StatusCode))
	}
	return response, err
}
