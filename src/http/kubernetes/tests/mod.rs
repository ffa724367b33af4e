//! The dialect through its router, request by request.
