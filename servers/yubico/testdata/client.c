/* Asks validation servers through libykclient: client ID KEY OTP URL... */
#include <stdio.h>
#include <stdlib.h>
#include <ykclient.h>

int main(int argc, char **argv)
{
	ykclient_t *client;
	ykclient_rc result;

	if (argc < 5 || ykclient_global_init() != YKCLIENT_OK || ykclient_init(&client) != YKCLIENT_OK)
		return 1;
	ykclient_set_url_bases(client, argc - 4, (const char **)argv + 4);
	ykclient_set_client_b64(client, atoi(argv[1]), argv[2][0] ? argv[2] : NULL);
	result = ykclient_request(client, argv[3]);
	printf("%d %s\n", result, ykclient_strerror(result));
	ykclient_done(&client);
	return 0;
}
