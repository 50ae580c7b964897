api.example.com {
	tls /etc/caddy/tls/example.com.pem /etc/caddy/tls/example.com.key
	root * /var/www/api.example.com
	file_server
}
