"""Every recorded exchange of the dialects that Poise speaks, sent through a running data plane, same dialect in and out."""
