package keyfactor

import (
	"errors"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/approvebot/approvebot/internal/approval"
)

// SourceConfig is what a queue needs beside the client. All of it is optional.
type SourceConfig struct {
	// PortalURL is the Management Portal: https://command.example.com/KeyfactorPortal
	PortalURL string
	// LinkTemplate makes the link to one request from {instance} and {reference}.
	// Keyfactor publishes no address for one request, so the default is PortalURL.
	LinkTemplate string
	// MetadataFields are the metadata fields that approvers may see, in this order.
	MetadataFields []string
	// PageSize is the number of rows for each call; 0 is DefaultPageSize.
	PageSize int
	// Log may be nil.
	Log *zap.Logger
}

func (c SourceConfig) log() *zap.Logger {
	if c.Log == nil {
		return zap.NewNop()
	}
	return c.Log.Named("keyfactor")
}

// link leads to one request, or as near as the template can.
func (c SourceConfig) link(instance, reference string) string {
	if c.LinkTemplate == "" {
		return c.PortalURL
	}
	return strings.NewReplacer(
		"{instance}", url.QueryEscape(instance),
		"{reference}", url.QueryEscape(reference),
	).Replace(c.LinkTemplate)
}

// absent turns "gone" and "hidden" into a standing; ok is false for other errors.
func absent(err error) (_ approval.Standing, ok bool) {
	o := approval.Outcome{State: approval.Closed}
	switch {
	case errors.Is(err, approval.ErrNotFound):
		o.Reason = approval.Gone
	case errors.Is(err, approval.ErrForbidden):
		o.Reason = approval.Hidden
	default:
		return approval.Standing{}, false
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		o.Message = e.Message
	}
	return approval.Standing{Outcome: o}, true
}

// settled says of a refusal that the request is not waiting any more.
func settled(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.as(approval.ErrSettled)
	}
	return err
}

// refusedFlatly reports whether Keyfactor turned a POST down for a reason that
// only another look can explain.
func refusedFlatly(err error) bool { return errors.Is(err, approval.ErrRefused) }

// matter names a request at its CA, the same for both queues.
func matter(ca, caRequestID string) string {
	ca, caRequestID = strings.ToLower(strings.TrimSpace(ca)), strings.TrimSpace(caRequestID)
	if ca == "" || caRequestID == "" {
		return ""
	}
	return "ca:" + ca + "/" + caRequestID
}
