app.example.com {
	tls /etc/caddy/tls/example.com.pem /etc/caddy/tls/example.com.key
	root * /var/www/app.example.com
	file_server
	log {
		output file /var/log/caddy/app.access.log
	}
	handle_errors 404 {
		rewrite * /404.html
		file_server
	}
}
