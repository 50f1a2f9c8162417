#pragma once

// SHA-256 is asked for directly: through EVP, its first use would load a configuration and a provider of everything else, which
// costs milliseconds at start-up and two megabytes of memory.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/crypto.h>
#include <openssl/sha.h>
