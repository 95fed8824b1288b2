def main(name='World'):
    print('greeting', name)
    return {'greeting': 'Hello, ' + name}
