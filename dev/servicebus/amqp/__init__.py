"""Service Bus's dialect of AMQP 1.0: what stands on the wire. The only package that knows Qpid Proton."""
