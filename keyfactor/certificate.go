package keyfactor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/approvebot/approvebot/internal/approval"
)

// CertificateRequest is a request that a certificate authority holds. Lists
// leave out everything from DenialComment on.
type CertificateRequest struct {
	ID                   Int  `json:"Id"`
	CARequestID          Text `json:"CARequestId"`
	CommonName           Text
	DistinguishedName    Text
	SubmissionDate       Time
	CertificateAuthority Text
	Template             Text
	Requester            Text
	State                Int
	StateString          Text
	Metadata             Data

	DenialComment   Text
	KeyLength       Text
	Curve           Text
	SANs            json.RawMessage
	SubjectAltNames json.RawMessage
	CSR             Text
}

func (r CertificateRequest) rowID() string { return strconv.FormatInt(int64(r.ID), 10) }

// PendingCertificates yields the requests that wait for a manager's approval.
//
// Keyfactor's page: GET Workflow Certificates Pending,
// https://software.keyfactor.com/Core-OnPrem/v10.4/Content/WebAPI/KeyfactorAPI/WorkflowOriginalGETCertificatesPending.htm
func (c *Client) PendingCertificates(ctx context.Context, o ListOptions) iter.Seq2[CertificateRequest, error] {
	if o.Sort == "" {
		o.Sort = certificateOrder
	}
	return walk(ctx, c, "/Workflow/Certificates/Pending", o, decodeCertificateRequest)
}

func decodeCertificateRequest(raw json.RawMessage) (r CertificateRequest, err error) {
	if err = json.Unmarshal(raw, &r); err != nil {
		return r, err
	}
	if r.ID <= 0 {
		return r, errors.New("no Id")
	}
	return r, nil
}

// CertificateRequest reads one request in any state.
//
// Keyfactor's page: GET Workflow Certificates ID,
// https://software.keyfactor.com/Core-Hosted/v12.5/Content/WebAPI/KeyfactorAPI/WorkflowOriginalGETCertificatesPendingID.htm
func (c *Client) CertificateRequest(ctx context.Context, id int64) (CertificateRequest, error) {
	q := get("/Workflow/Certificates/"+strconv.FormatInt(id, 10), nil)
	a, err := c.do(ctx, q)
	if err != nil {
		return CertificateRequest{}, err
	}
	r, err := decodeCertificateRequest(a.body)
	if err == nil && int64(r.ID) != id {
		err = fmt.Errorf("another request: %d", r.ID)
	}
	if err != nil {
		return CertificateRequest{}, q.unclear(a, err)
	}
	return r, nil
}

// Result is the answer to an approval or denial of several requests. It comes
// with status 200 even when nothing worked.
type Result struct {
	// Successes are done.
	Successes []ResultItem
	// Failures met an error, such as a CA that cannot be reached.
	Failures []ResultItem
	// Denials are those where we were refused for lack of permission; the requests
	// themselves were not denied.
	Denials []ResultItem
}

// ResultItem is one request in a [Result].
type ResultItem struct {
	// ID is Keyfactor's id; 0 when the item was a text without it.
	ID            Int  `json:"KeyfactorRequestId"`
	CARequestID   Text `json:"CARequestId"`
	CAHost        Text
	CALogicalName Text
	Comment       Text
}

// UnmarshalJSON accepts the object of Keyfactor's libraries and the string of
// its documentation. Which of its names or numbers a string holds is not
// documented, so that it becomes the comment.
func (i *ResultItem) UnmarshalJSON(b []byte) error {
	type plain ResultItem
	var p plain
	if json.Unmarshal(b, &p) != nil {
		p = plain{Comment: Text(scalar(b))}
	}
	*i = ResultItem(p)
	return nil
}

// ApproveCertificates approves requests at their CA, once. Keyfactor takes no
// comment here. Read all three lists of the result.
//
// Keyfactor's page: POST Workflow Certificates Approve,
// https://software.keyfactor.com/Core-Hosted/v24.4/Content/WebAPI/KeyfactorAPI/WorkflowOriginalPOSTCertificatesApprove.htm
func (c *Client) ApproveCertificates(ctx context.Context, ids []int64) (Result, error) {
	return c.settle(ctx, post("/Workflow/Certificates/Approve", append([]int64{}, ids...)))
}

// DenyCertificates denies requests at their CA, once. Read all three lists of
// the result.
//
// Keyfactor's page: POST Workflow Certificates Deny,
// https://software.keyfactor.com/Core-OnPrem/v10.4/Content/WebAPI/KeyfactorAPI/WorkflowOriginalPOSTCertificatesDeny.htm
func (c *Client) DenyCertificates(ctx context.Context, ids []int64, comment string) (Result, error) {
	return c.settle(ctx, post("/Workflow/Certificates/Deny", struct {
		Comment               string
		CertificateRequestIDs []int64 `json:"CertificateRequestIds"`
	}{comment, append([]int64{}, ids...)}))
}

func (c *Client) settle(ctx context.Context, q call) (Result, error) {
	a, err := c.do(ctx, q)
	if err != nil {
		return Result{}, err
	}
	var r Result
	if err := json.Unmarshal(a.body, &r); err != nil {
		return Result{}, q.unclear(a, fmt.Errorf("the answer tells nothing about the requests: %w", err))
	}
	return r, nil
}

// Certificate is an issued certificate, as far as an approver cares.
type Certificate struct {
	ID                       Int `json:"Id"`
	SerialNumber             Text
	Thumbprint               Text
	IssuedDN                 Text
	IssuedCN                 Text
	IssuerDN                 Text
	NotBefore                Time
	NotAfter                 Time
	TemplateName             Text
	CertState                Int
	CertStateString          Text
	CertificateAuthorityName Text
	RequesterName            Text
	PrincipalName            Text
	OwnerRoleName            Text
	KeySizeInBits            Int
	KeyTypeString            Text
	SubjectAltNameElements   array[struct {
		Value Text
		Type  Int
	}]
	// Where Keyfactor has seen it: in stores, and by looking at the network.
	Locations array[struct {
		StoreMachine, StoreMachineName, StorePath, Alias Text
	}]
	SSLLocations array[struct {
		NetworkName, IPAddress Text
		Port                   Int
	}]
	LocationsCount array[struct {
		Type  Text
		Count Int
	}]

	located bool      // it was asked for locations, and answered
	read    time.Time // when
}

// freshFor is how long a certificate is not read again. What moves about it, such
// as where it is in use, is told beside the question.
const freshFor = time.Minute

// Certificate reads an issued certificate, and remembers it for a while; where
// Keyfactor does not answer, the last answer does. It needs a permission that the
// bot can do without: expect ErrForbidden.
//
// Keyfactor's page: GET Certificates ID (software.keyfactor.com).
func (c *Client) Certificate(ctx context.Context, id int64) (Certificate, error) {
	known, ok := c.details.get(id)
	if ok && c.config.Now().Sub(known.read) < freshFor {
		return known, nil
	}
	one, err := c.certificate(ctx, id, true)
	if errors.Is(err, approval.ErrRefused) { // by a version that knows no locations
		one, err = c.certificate(ctx, id, false)
	}
	switch {
	case err == nil:
		c.details.put(id, one)
		return one, nil
	case ok && errors.Is(err, approval.ErrUnavailable):
		return known, nil
	}
	return Certificate{}, err
}

func (c *Client) certificate(ctx context.Context, id int64, locations bool) (Certificate, error) {
	q := get("/Certificates/"+strconv.FormatInt(id, 10), url.Values{"includeMetadata": {"false"}, "includeLocations": {strconv.FormatBool(locations)}})
	a, err := c.do(ctx, q)
	if err != nil {
		return Certificate{}, err
	}
	var one Certificate
	if err := json.Unmarshal(a.body, &one); err != nil {
		return Certificate{}, q.unclear(a, err)
	}
	one.located = locations && (one.Locations != nil || one.SSLLocations != nil || one.LocationsCount != nil)
	one.read = c.config.Now()
	return one, nil
}
